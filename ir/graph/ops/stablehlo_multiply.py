"""STABLEHLO_MULTIPLY."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.stablehlo import StablehloBinary
from tflgpuc.ir.shader import Expr, select


class StablehloMultiply(
    StablehloBinary, name="tfl.stablehlo_multiply", tflite="STABLEHLO_MULTIPLY"
):
    """lhs * rhs; of bools whether both are true."""

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        if lhs.type.scalar == "bool":
            return select(lhs, rhs, False)
        return lhs * rhs

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return np.multiply(lhs, rhs)
