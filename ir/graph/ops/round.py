"""The nearest integer; halves go to the even one."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call


class Round(Unary, name="tfl.round", tflite="ROUND"):
    """The nearest integer; halves go to the even one."""

    def expr(self, x: Expr) -> Expr:
        return call("round_even", x)

    def reference(self, x: Array) -> Array:
        return np.round(x)
