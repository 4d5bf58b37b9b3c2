"""The remainder of a division that rounds down."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Binary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.types import DType
from tflgpuc.ir.shader import Expr, call, select


class FloorMod(Binary, name="tfl.floor_mod", tflite="FLOOR_MOD"):
    """What is left of lhs / rhs rounded down; it has the sign of rhs."""

    domain: ClassVar[tuple[float, float]] = (0.25, 4.0)
    total: ClassVar[bool] = False
    narrow: ClassVar[bool] = True
    integers: ClassVar[tuple[DType, ...]] = ("i32",)

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        if not lhs.type.is_int:
            return lhs - call("floor", lhs / rhs) * rhs
        rest = lhs - lhs / rhs * rhs
        moved = select((rest ^ rhs) < 0, rest + rhs, rest)
        return select(rest.ne(0), moved, rest)

    def reference(self, lhs: Array, rhs: Array) -> Array:
        rest = np.fmod(lhs, rhs)
        other_side = (rest != 0) & ((rest < 0) != (rhs < 0))
        return np.where(other_side, rest + rhs, rest)
