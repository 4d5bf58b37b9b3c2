"""What one dispatch computes: a root op, what it reads through, and what is applied to its result."""

from __future__ import annotations

from collections.abc import Iterator

from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.types import TensorType


class Fused(Op, name="gpu.fused"):
    """Runs ``body`` as one kernel; ``types`` say how its results are stored.

    The body's inputs stand for ``inputs`` one by one. Of its ops that aren't constants, the first
    ``before`` are the prologue: they are computed wherever the others read them, and never stored.
    The next one is the root; each later one is elementwise, of the output's shape, and is applied
    before the result is stored. ``half_weights`` lets the kernel keep weights as halves.
    """

    inputs: tuple[Value, ...]
    body: Graph
    types: tuple[TensorType, ...]
    half_weights: bool = False
    before: int = 0

    def infer(self) -> tuple[TensorType, ...]:
        return self.types

    def verify(self) -> None:
        self.check(len(self.inputs) == len(self.body.inputs), "operands and region inputs differ")
        self.check(len(self.types) == len(self.body.outputs), "types and region outputs differ")
        self.check(0 <= self.before < len(self.computing), f"no root after {self.before} ops")
        for given, seen in zip(self.inputs, self.body.inputs, strict=True):
            self.check(given.type.shape == seen.type.shape, f"{given!r} read as {seen.type}")
        for made, type in zip(self.body.outputs, self.types, strict=True):
            self.check(made.type.shape == type.shape, f"{made!r} stored as {type}")

    def reference(self, inputs: list[Array]) -> tuple[Array, ...]:
        return tuple(self.body.evaluate(inputs))

    def macs(self) -> int:
        return sum(op.macs() for op in self.body.ops)

    @property
    def computing(self) -> tuple[Op, ...]:
        """The body's ops without its constants."""
        return tuple(op for op in self.body.ops if op.name != "tfl.constant")

    @property
    def prologue(self) -> tuple[Op, ...]:
        """The ops that are computed where they are read, operands first."""
        return self.computing[: self.before]

    @property
    def root(self) -> Op:
        """The op that gives the kernel its shape."""
        return self.computing[self.before]

    @property
    def epilogue(self) -> tuple[Op, ...]:
        """The elementwise ops after the root, in order."""
        return self.computing[self.before + 1 :]

    @classmethod
    def samples(cls) -> Iterator[Fused]:
        return iter(())
