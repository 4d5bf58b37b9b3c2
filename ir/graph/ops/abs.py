"""The absolute value."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call


class Abs(Unary, name="tfl.abs", tflite="ABS"):
    """The absolute value."""

    def expr(self, x: Expr) -> Expr:
        return call("abs", x)

    def reference(self, x: Array) -> Array:
        return np.abs(x)
