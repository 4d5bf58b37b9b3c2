"""A part of the graph that the CPU runs."""

from __future__ import annotations

from collections.abc import Iterator

from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.types import TensorType


class Segment(Op, name="cpu.segment"):
    """Runs ``body`` with TFLite on the CPU, once all its ``inputs`` are there.

    The body's inputs stand for ``inputs`` one by one; its ops are the model's own, which no pass
    rewrites. ``reason`` says why they are there: a line for each operator that the GPU can't run.
    """

    inputs: tuple[Value, ...]
    body: Graph
    types: tuple[TensorType, ...]
    reason: str = ""

    def infer(self) -> tuple[TensorType, ...]:
        return self.types

    def verify(self) -> None:
        self.check(len(self.inputs) == len(self.body.inputs), "operands and region inputs differ")
        self.check(len(self.types) == len(self.body.outputs), "types and region outputs differ")

    def reference(self, inputs: list[Array]) -> tuple[Array, ...]:
        return tuple(self.body.evaluate(inputs))

    def macs(self) -> int:
        return sum(op.macs() for op in self.body.walk())

    @classmethod
    def samples(cls) -> Iterator[Segment]:
        return iter(())
