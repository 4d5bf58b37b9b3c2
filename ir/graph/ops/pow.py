"""Powers."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Binary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call


class Pow(Binary, name="tfl.pow", tflite="POW"):
    """lhs to the rhs."""

    domain: ClassVar[tuple[float, float]] = (0.25, 3.0)
    total: ClassVar[bool] = False

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        return call("pow", lhs, rhs)

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return np.power(lhs, rhs)
