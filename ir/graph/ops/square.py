"""The square."""

from __future__ import annotations

from typing import ClassVar

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr


class Square(Unary, name="tfl.square", tflite="SQUARE"):
    """x * x."""

    total: ClassVar[bool] = False

    def expr(self, x: Expr) -> Expr:
        return x * x

    def reference(self, x: Array) -> Array:
        return x * x
