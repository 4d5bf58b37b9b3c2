"""STABLEHLO_SHIFT_LEFT."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.stablehlo import StablehloBinary
from tflgpuc.ir.graph.types import NUMPY, DType
from tflgpuc.ir.shader import Expr


class StablehloShiftLeft(
    StablehloBinary, name="tfl.stablehlo_shift_left", tflite="STABLEHLO_SHIFT_LEFT"
):
    """lhs shifted left by the last five bits of rhs, then cut to the element type.

    StableHLO leaves shifts by more bits than there are open; TFLite shifts as a processor does.
    """

    sampled: ClassVar[tuple[DType, ...]] = ("i32", "i8", "i16")
    narrow: ClassVar[bool] = True

    def verify(self) -> None:
        super().verify()
        dtype = self.lhs.type.dtype
        self.check(NUMPY[dtype].kind in "iu", f"{dtype} has no bits to shift")

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        return lhs << (rhs & 31)

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return (lhs.astype(np.int64) << (rhs.astype(np.int64) & 31)).astype(lhs.dtype)
