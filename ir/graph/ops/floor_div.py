"""The quotient, rounded down."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Binary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call


class FloorDiv(Binary, name="tfl.floor_div", tflite="FLOOR_DIV"):
    """The quotient, rounded down."""

    domain: ClassVar[tuple[float, float]] = (0.25, 4.0)
    total: ClassVar[bool] = False

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        return call("floor", lhs / rhs)

    def reference(self, lhs: Array, rhs: Array) -> Array:
        if np.issubdtype(lhs.dtype, np.floating):
            return np.floor(lhs / rhs)
        return np.floor_divide(lhs, rhs)
