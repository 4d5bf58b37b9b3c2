"""The absolute value."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.types import DType
from tflgpuc.ir.shader import Expr, call


class Abs(Unary, name="tfl.abs", tflite="ABS"):
    """The absolute value."""

    integers: ClassVar[tuple[DType, ...]] = ("i32",)

    def expr(self, x: Expr) -> Expr:
        return call("abs", x)

    def reference(self, x: Array) -> Array:
        return np.abs(x)
