"""Division."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Arithmetic
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.types import DType
from tflgpuc.ir.shader import Expr


class Div(Arithmetic, name="tfl.div", tflite="DIV"):
    """lhs / rhs; integers round towards zero."""

    domain: ClassVar[tuple[float, float]] = (0.25, 4.0)
    total: ClassVar[bool] = False
    integers: ClassVar[tuple[DType, ...]] = ("i32",)

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        return self.activated_expr(lhs / rhs)

    def reference(self, lhs: Array, rhs: Array) -> Array:
        if np.issubdtype(lhs.dtype, np.floating):
            return self.activated(lhs / rhs)
        wide, by = lhs.astype(np.int64), rhs.astype(np.int64)
        quotient = np.abs(wide) // np.abs(by) * np.sign(wide) * np.sign(by)
        # Only the least number by -1 is out of range.
        most = np.iinfo(lhs.dtype).max
        return self.activated(np.minimum(quotient, most).astype(lhs.dtype))
