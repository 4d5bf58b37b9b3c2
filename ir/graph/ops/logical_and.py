"""True where both are."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.elementwise import Logical, truth
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, select


class LogicalAnd(Logical, name="tfl.logical_and", tflite="LOGICAL_AND"):
    """True where both are."""

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        return select(truth(lhs), truth(rhs), False)

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return np.logical_and(lhs, rhs)
