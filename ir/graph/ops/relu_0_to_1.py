"""Clamps to 0 .. 1."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call


class Relu0To1(Unary, name="tfl.relu_0_to_1", tflite="RELU_0_TO_1"):
    """Clamps to 0 .. 1."""

    def expr(self, x: Expr) -> Expr:
        return call("clamp", x, 0.0, 1.0)

    def reference(self, x: Array) -> Array:
        return np.clip(x, 0, 1)
