"""Powers."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Binary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call, select


class Pow(Binary, name="tfl.pow", tflite="POW"):
    """lhs to the rhs."""

    domain: ClassVar[tuple[float, float]] = (0.25, 3.0)
    total: ClassVar[bool] = False

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        # Shading languages leave pow of a negative base undefined, and 0 to the 0.
        size = select(rhs.eq(0.0), 1.0, call("pow", call("abs", lhs), rhs))
        half = rhs * 0.5
        odd = call("floor", half).ne(half)
        return select(lhs < 0.0, select(odd, -size, size), size)

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return np.power(lhs, rhs)
