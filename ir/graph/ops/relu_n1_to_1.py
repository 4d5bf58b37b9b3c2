"""Clamps to -1 .. 1."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.types import DType
from tflgpuc.ir.shader import Expr, call


class ReluN1To1(Unary, name="tfl.relu_n1_to_1", tflite="RELU_N1_TO_1"):
    """Clamps to -1 .. 1."""

    # As a fused activation of integer arithmetic.
    beyond: ClassVar[tuple[DType, ...]] = ("i32",)

    def expr(self, x: Expr) -> Expr:
        return call("clamp", x, -1.0, 1.0)

    def reference(self, x: Array) -> Array:
        return np.clip(x, -1, 1)
