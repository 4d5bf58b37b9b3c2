"""The cosine of radians."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call


class Cos(Unary, name="tfl.cos", tflite="COS"):
    """The cosine of radians."""

    def expr(self, x: Expr) -> Expr:
        return call("cos", x)

    def reference(self, x: Array) -> Array:
        return np.cos(x)
