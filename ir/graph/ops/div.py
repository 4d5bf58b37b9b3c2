"""Division."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Arithmetic
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr


class Div(Arithmetic, name="tfl.div", tflite="DIV"):
    """lhs / rhs; integers round towards zero."""

    domain: ClassVar[tuple[float, float]] = (0.25, 4.0)
    total: ClassVar[bool] = False

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        return self.activated_expr(lhs / rhs)

    def reference(self, lhs: Array, rhs: Array) -> Array:
        if np.issubdtype(lhs.dtype, np.floating):
            return self.activated(lhs / rhs)
        quotient = np.abs(lhs) // np.abs(rhs)
        return self.activated((quotient * np.sign(lhs) * np.sign(rhs)).astype(lhs.dtype))
