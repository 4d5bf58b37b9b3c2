"""Powers."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Binary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.types import DType
from tflgpuc.ir.shader import Expr, call, const, select


class Pow(Binary, name="tfl.pow", tflite="POW"):
    """lhs to the rhs; integers take no negative powers, and what i32 can't hold is its least number."""

    domain: ClassVar[tuple[float, float]] = (0.25, 3.0)
    total: ClassVar[bool] = False
    integers: ClassVar[tuple[DType, ...]] = ("i32",)

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        if not lhs.type.is_int:
            return call("pow", lhs, rhs)
        # Beyond 31 only the powers of 0, 1 and -1 are in range: they depend on odd or even.
        power = select(rhs > 31, (rhs & 1) | 30, rhs)
        made: Expr = const(1, lhs.type)
        square = lhs
        for bit in range(5):
            made = select((power & (1 << bit)).ne(0), made * square, made)
            square = square * square
        return made

    def reference(self, lhs: Array, rhs: Array) -> Array:
        if np.issubdtype(lhs.dtype, np.floating):
            return np.power(lhs, rhs)
        limits = np.iinfo(lhs.dtype)
        made = np.power(lhs.astype(np.float64), rhs)
        inside = (made >= limits.min) & (made <= limits.max)
        return np.where(inside, made, limits.min).astype(lhs.dtype)
