"""The sine of radians."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call


class Sin(Unary, name="tfl.sin", tflite="SIN"):
    """The sine of radians."""

    def expr(self, x: Expr) -> Expr:
        return call("sin", x)

    def reference(self, x: Array) -> Array:
        return np.sin(x)
