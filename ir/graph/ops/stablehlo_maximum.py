"""STABLEHLO_MAXIMUM."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.stablehlo import StablehloBinary
from tflgpuc.ir.shader import Expr, call, select


class StablehloMaximum(StablehloBinary, name="tfl.stablehlo_maximum", tflite="STABLEHLO_MAXIMUM"):
    """The greater of lhs and rhs; of bools whether either is true."""

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        if lhs.type.scalar == "bool":
            return select(lhs, True, rhs)
        return call("max", lhs, rhs)

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return np.where(lhs > rhs, lhs, rhs)
