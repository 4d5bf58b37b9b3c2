"""-1, 0 or 1, as x is negative, zero or positive."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call


class Sign(Unary, name="tfl.sign", tflite="SIGN"):
    """-1, 0 or 1, as x is negative, zero or positive."""

    def expr(self, x: Expr) -> Expr:
        return call("sign", x)

    def reference(self, x: Array) -> Array:
        return np.sign(x)
