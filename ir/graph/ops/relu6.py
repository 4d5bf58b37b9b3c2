"""Clamps to 0 .. 6."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.types import DType
from tflgpuc.ir.shader import Expr, call


class Relu6(Unary, name="tfl.relu6", tflite="RELU6"):
    """Clamps to 0 .. 6."""

    domain: ClassVar[tuple[float, float]] = (-8.0, 8.0)

    # As a fused activation of integer arithmetic.
    beyond: ClassVar[tuple[DType, ...]] = ("i32",)

    def expr(self, x: Expr) -> Expr:
        return call("clamp", x, 0.0, 6.0)

    def reference(self, x: Array) -> Array:
        return np.clip(x, 0, 6)
