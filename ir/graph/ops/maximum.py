"""The greater of lhs and rhs."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Binary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.types import DType
from tflgpuc.ir.shader import Expr, call, select


class Maximum(Binary, name="tfl.maximum", tflite="MAXIMUM"):
    """The greater of lhs and rhs; rhs where either is NaN."""

    narrow: ClassVar[bool] = True
    integers: ClassVar[tuple[DType, ...]] = ("i32",)

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        # max() may give either operand where one is NaN.
        return call("max", lhs, rhs) if lhs.type.is_int else select(lhs > rhs, lhs, rhs)

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return np.where(lhs > rhs, lhs, rhs)
