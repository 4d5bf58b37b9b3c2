"""The greater of x and 0."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.types import DType
from tflgpuc.ir.shader import Expr, call


class Relu(Unary, name="tfl.relu", tflite="RELU"):
    """The greater of x and 0."""

    # As a fused activation of integer arithmetic.
    beyond: ClassVar[tuple[DType, ...]] = ("i32",)

    def expr(self, x: Expr) -> Expr:
        return call("max", x, 0.0)

    def reference(self, x: Array) -> Array:
        return np.maximum(x, 0)
