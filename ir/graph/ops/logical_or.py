"""True where either is."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.elementwise import Logical, truth
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, select


class LogicalOr(Logical, name="tfl.logical_or", tflite="LOGICAL_OR"):
    """True where either is."""

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        return select(truth(lhs), True, truth(rhs))

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return np.logical_or(lhs, rhs)
