"""The remainder of a division that rounds down."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Binary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call


class FloorMod(Binary, name="tfl.floor_mod", tflite="FLOOR_MOD"):
    """What is left of lhs / rhs rounded down; it has the sign of rhs."""

    domain: ClassVar[tuple[float, float]] = (0.25, 4.0)
    total: ClassVar[bool] = False

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        return lhs - call("floor", lhs / rhs) * rhs

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return np.mod(lhs, rhs)
