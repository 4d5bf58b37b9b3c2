"""STABLEHLO_ADD."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.stablehlo import StablehloBinary
from tflgpuc.ir.shader import Expr, select


class StablehloAdd(StablehloBinary, name="tfl.stablehlo_add", tflite="STABLEHLO_ADD"):
    """lhs + rhs; of bools whether either is true."""

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        if lhs.type.scalar == "bool":
            return select(lhs, True, rhs)
        return lhs + rhs

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return np.add(lhs, rhs)
