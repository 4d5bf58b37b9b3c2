"""STABLEHLO_AND."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.stablehlo import StablehloBinary
from tflgpuc.ir.graph.types import NUMPY, DType
from tflgpuc.ir.shader import Expr, select


class StablehloAnd(StablehloBinary, name="tfl.stablehlo_and", tflite="STABLEHLO_AND"):
    """The bits that are set in both lhs and rhs; of bools whether both are true."""

    sampled: ClassVar[tuple[DType, ...]] = ("i32", "bool")
    narrow: ClassVar[bool] = True

    def verify(self) -> None:
        super().verify()
        dtype = self.lhs.type.dtype
        self.check(NUMPY[dtype].kind in "iub", f"{dtype} has no bits to compare")

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        if lhs.type.scalar == "bool":
            return select(lhs, rhs, False)
        return lhs & rhs

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return np.bitwise_and(lhs, rhs)
