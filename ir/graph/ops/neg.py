"""x with the other sign."""

from __future__ import annotations

from typing import ClassVar

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.types import DType
from tflgpuc.ir.shader import Expr


class Neg(Unary, name="tfl.neg", tflite="NEG"):
    """x with the other sign."""

    integers: ClassVar[tuple[DType, ...]] = ("i32",)

    def expr(self, x: Expr) -> Expr:
        return -x

    def reference(self, x: Array) -> Array:
        return -x
