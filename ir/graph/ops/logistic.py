"""The sigmoid."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call


class Logistic(Unary, name="tfl.logistic", tflite="LOGISTIC"):
    """1 / (1 + exp(-x))."""

    def expr(self, x: Expr) -> Expr:
        return 1.0 / (call("exp", -x) + 1.0)

    def reference(self, x: Array) -> Array:
        return 1 / (1 + np.exp(-x))
