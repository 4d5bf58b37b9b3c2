"""The exponential function."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call


class Exp(Unary, name="tfl.exp", tflite="EXP"):
    """e to the x."""

    total: ClassVar[bool] = False

    def expr(self, x: Expr) -> Expr:
        return call("exp", x)

    def reference(self, x: Array) -> Array:
        return np.exp(x)
