"""The greatest integer that is not greater."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call


class Floor(Unary, name="tfl.floor", tflite="FLOOR"):
    """The greatest integer that is not greater."""

    def expr(self, x: Expr) -> Expr:
        return call("floor", x)

    def reference(self, x: Array) -> Array:
        return np.floor(x)
