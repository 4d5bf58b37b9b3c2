"""The quotient, rounded down."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Binary, last_bits
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.types import DType
from tflgpuc.ir.shader import Expr, call, select


class FloorDiv(Binary, name="tfl.floor_div", tflite="FLOOR_DIV"):
    """The quotient, rounded down."""

    domain: ClassVar[tuple[float, float]] = (0.25, 4.0)
    total: ClassVar[bool] = False
    narrow: ClassVar[bool] = True
    integers: ClassVar[tuple[DType, ...]] = ("i32",)

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        if not lhs.type.is_int:
            return call("floor", lhs / rhs)
        quotient = lhs / rhs
        rest = lhs - quotient * rhs
        lower = select((rest ^ rhs) < 0, quotient - 1, quotient)
        # The least number by -1 is out of range.
        return last_bits(select(rest.ne(0), lower, quotient), self.lhs.type.dtype)

    def reference(self, lhs: Array, rhs: Array) -> Array:
        if np.issubdtype(lhs.dtype, np.floating):
            return np.floor(lhs / rhs)
        quotient = np.floor_divide(lhs.astype(np.int64), rhs.astype(np.int64))
        return quotient.astype(lhs.dtype)
