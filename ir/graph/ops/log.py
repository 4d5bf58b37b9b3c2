"""The natural logarithm."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call


class Log(Unary, name="tfl.log", tflite="LOG"):
    """The natural logarithm."""

    domain: ClassVar[tuple[float, float]] = (0.1, 8.0)
    total: ClassVar[bool] = False

    def expr(self, x: Expr) -> Expr:
        return call("log", x)

    def reference(self, x: Array) -> Array:
        return np.log(x)
