"""The same tensor in another layout or storage type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.types import Lanes, TensorType
from tflgpuc.ir.shader import Expr


class Copy(Op, name="gpu.copy"):
    """Gives its operand; the ``gpu.fused`` around it says how the copy is stored."""

    elementwise: ClassVar[bool] = True

    input: Value

    def infer(self) -> TensorType:
        return self.input.type

    def reference(self, input: Array) -> Array:
        return input

    def expr(self, input: Expr) -> Expr:
        return input

    def padding_lanes(self, *operands: Lanes) -> Lanes:
        return operands[0]

    @classmethod
    def samples(cls) -> Iterator[Copy]:
        yield cls(input=Value(TensorType("f32", (1, 3, 5, 6)), "x"))
