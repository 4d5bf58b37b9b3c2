"""The hyperbolic tangent."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call


class Tanh(Unary, name="tfl.tanh", tflite="TANH"):
    """The hyperbolic tangent."""

    def expr(self, x: Expr) -> Expr:
        return call("tanh", x)

    def reference(self, x: Array) -> Array:
        return np.tanh(x)
