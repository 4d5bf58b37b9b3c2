"""The greater of lhs and rhs."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.elementwise import Binary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call


class Maximum(Binary, name="tfl.maximum", tflite="MAXIMUM"):
    """The greater of lhs and rhs."""

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        return call("max", lhs, rhs)

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return np.maximum(lhs, rhs)
