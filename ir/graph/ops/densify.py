"""A sparse tensor as a dense one."""

from __future__ import annotations

from collections.abc import Iterator

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.types import TensorType


class Densify(Op, name="tfl.densify", tflite="DENSIFY"):
    """``input`` as it is: sparse constants are made dense as they are read from the file."""

    input: Value

    def infer(self) -> TensorType:
        return self.input.type

    def reference(self, input: Array) -> Array:
        return input

    @classmethod
    def samples(cls) -> Iterator[Densify]:
        yield cls(input=Value(TensorType("f32", (4, 5)), "x"))
