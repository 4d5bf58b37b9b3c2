"""Exclusive or of bits."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Binary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.types import NUMPY, DType
from tflgpuc.ir.shader import Expr


class BitwiseXor(Binary, name="tfl.bitwise_xor", tflite="BITWISE_XOR"):
    """The bits in which lhs and rhs differ."""

    operand_dtype: ClassVar[DType] = "i32"
    narrow: ClassVar[bool] = True

    def verify(self) -> None:
        super().verify()
        dtype = self.lhs.type.dtype
        self.check(NUMPY[dtype].kind in "iu", f"{dtype} has no bits to compare")

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        return lhs ^ rhs

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return np.bitwise_xor(lhs, rhs)
