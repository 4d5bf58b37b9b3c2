"""The lesser of lhs and rhs."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.elementwise import Binary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call


class Minimum(Binary, name="tfl.minimum", tflite="MINIMUM"):
    """The lesser of lhs and rhs."""

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        return call("min", lhs, rhs)

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return np.minimum(lhs, rhs)
