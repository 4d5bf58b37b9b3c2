"""(lhs - rhs) squared."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Binary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.types import DType
from tflgpuc.ir.shader import Expr


class SquaredDifference(Binary, name="tfl.squared_difference", tflite="SQUARED_DIFFERENCE"):
    """(lhs - rhs) squared."""

    total: ClassVar[bool] = False
    integers: ClassVar[tuple[DType, ...]] = ("i32",)

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        difference = lhs - rhs
        return difference * difference

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return np.asarray(np.square(lhs - rhs))
