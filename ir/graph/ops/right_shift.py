"""Shifts to the right."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Binary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.types import NUMPY, DType
from tflgpuc.ir.shader import Expr, call


class RightShift(Binary, name="tfl.right_shift", tflite="RIGHT_SHIFT"):
    """lhs shifted right by rhs bits; signed numbers keep their sign.

    Shifts are taken to be from 0 to one less than the bits that there are.
    """

    operand_dtype: ClassVar[DType] = "i32"
    narrow: ClassVar[bool] = True

    @property
    def most(self) -> int:
        """The longest shift."""
        return NUMPY[self.lhs.type.dtype].itemsize * 8 - 1

    def verify(self) -> None:
        super().verify()
        dtype = self.lhs.type.dtype
        self.check(NUMPY[dtype].kind in "iu", f"{dtype} has no bits to shift")

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        return lhs >> call("clamp", rhs, 0, self.most)

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return np.asarray(np.right_shift(lhs, np.clip(rhs, 0, self.most)))
