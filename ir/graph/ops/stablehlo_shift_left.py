"""STABLEHLO_SHIFT_LEFT."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import last_bits
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.stablehlo import StablehloBinary
from tflgpuc.ir.graph.types import NUMPY, DType
from tflgpuc.ir.shader import Expr, select


class StablehloShiftLeft(
    StablehloBinary, name="tfl.stablehlo_shift_left", tflite="STABLEHLO_SHIFT_LEFT"
):
    """lhs shifted left by rhs bits; nothing is left of it where there are no so many bits.

    That is StableHLO's rule, also for negative shifts. TFLite does what the processor does, which
    differs between the elements of one tensor where some are computed several at once.
    """

    sampled: ClassVar[tuple[DType, ...]] = ("i32", "i8", "i16")
    narrow: ClassVar[bool] = True

    def verify(self) -> None:
        super().verify()
        dtype = self.lhs.type.dtype
        self.check(NUMPY[dtype].kind in "iu", f"{dtype} has no bits to shift")

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        shifted = last_bits(lhs << (rhs & 31), self.lhs.type.dtype)
        return select(rhs < 0, 0, select(rhs > 31, 0, shifted))

    def reference(self, lhs: Array, rhs: Array) -> Array:
        inside = (rhs >= 0) & (rhs < 32)
        shifted = lhs.astype(np.int64) << np.where(inside, rhs, 0).astype(np.int64)
        return np.where(inside, shifted, 0).astype(lhs.dtype)
