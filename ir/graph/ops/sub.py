"""Subtraction."""

from __future__ import annotations

from typing import ClassVar

from tflgpuc.ir.graph.elementwise import Arithmetic
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.types import DType
from tflgpuc.ir.shader import Expr


class Sub(Arithmetic, name="tfl.sub", tflite="SUB"):
    """lhs - rhs."""

    integers: ClassVar[tuple[DType, ...]] = ("i32",)

    pot_scale_int16: bool = True

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        return self.activated_expr(lhs - rhs)

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return self.activated(lhs - rhs)
