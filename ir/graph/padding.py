"""Tensors with a border added: what PAD, PADV2 and MIRROR_PAD share."""

from __future__ import annotations

from typing import TypeAlias

from tflgpuc.ir.graph.axes import static_ints
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.types import TensorType

Widths: TypeAlias = tuple[tuple[int, int], ...]


class Padding(Op):
    """``input`` with ``paddings`` ([rank, 2]) elements before and after it along each axis."""

    input: Value
    paddings: Value

    @property
    def widths(self) -> Widths:
        """Elements before and after, per axis."""
        flat = static_ints(self.paddings, "paddings")
        return tuple(zip(flat[::2], flat[1::2], strict=True))

    def infer(self) -> TensorType:
        shape = zip(self.input.type.shape, self.widths, strict=True)
        return TensorType(self.input.type.dtype, tuple(d + sum(w) for d, w in shape))

    def verify(self) -> None:
        wanted, given = (self.input.type.rank, 2), self.paddings.type.shape
        self.check(given == wanted, f"paddings of shape {given} for {self.input.type}")
        self.check(min((0, *sum(self.widths, ()))) >= 0, f"negative paddings {self.widths}")
