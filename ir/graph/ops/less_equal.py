"""A comparison: lhs <= rhs."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Comparison
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.types import DType
from tflgpuc.ir.shader import Expr


class LessEqual(Comparison, name="tfl.less_equal", tflite="LESS_EQUAL"):
    """lhs <= rhs."""

    integers: ClassVar[tuple[DType, ...]] = ("i32",)

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        return lhs <= rhs

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return np.less_equal(lhs, rhs)
