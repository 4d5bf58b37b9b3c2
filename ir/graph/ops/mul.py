"""Multiplication."""

from __future__ import annotations

from typing import ClassVar

from tflgpuc.ir.graph.elementwise import Arithmetic
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.types import DType, Lanes
from tflgpuc.ir.shader import Expr


class Mul(Arithmetic, name="tfl.mul", tflite="MUL"):
    """lhs * rhs."""

    total: ClassVar[bool] = False
    integers: ClassVar[tuple[DType, ...]] = ("i32",)

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        return self.activated_expr(lhs * rhs)

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return self.activated(lhs * rhs)

    def padding_lanes(self, *lanes: Lanes) -> Lanes:
        seen = self.seen_lanes(*lanes)
        if "any" in seen:
            return "any"
        # A finite number times zero is zero; times a known number it stays moderate.
        pairs = zip(self.operands, seen, strict=True)
        if any(lane == "zero" and not self.probe(value).any() for value, lane in pairs):
            return "zero"
        return "finite" if seen.count("finite") < 2 else "any"
