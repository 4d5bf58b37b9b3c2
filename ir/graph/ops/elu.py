"""The exponential linear unit."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call, select


class Elu(Unary, name="tfl.elu", tflite="ELU"):
    """x, or exp(x) - 1 below zero."""

    def expr(self, x: Expr) -> Expr:
        return select(x < 0.0, call("exp", call("min", x, 0.0)) - 1.0, x)

    def reference(self, x: Array) -> Array:
        return np.where(x < 0, np.expm1(np.minimum(x, 0)), x)
