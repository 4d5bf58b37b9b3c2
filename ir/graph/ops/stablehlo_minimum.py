"""STABLEHLO_MINIMUM."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.stablehlo import StablehloBinary
from tflgpuc.ir.shader import Expr, call, select


class StablehloMinimum(StablehloBinary, name="tfl.stablehlo_minimum", tflite="STABLEHLO_MINIMUM"):
    """The lesser of lhs and rhs; of bools whether both are true."""

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        if lhs.type.scalar == "bool":
            return select(lhs, rhs, False)
        return call("min", lhs, rhs)

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return np.where(lhs < rhs, lhs, rhs)
