"""Drops axes of one element."""

from __future__ import annotations

from collections.abc import Iterator

from tflgpuc.ir.graph.axes import axes_of
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.types import TensorType


class Squeeze(Op, name="tfl.squeeze", tflite="SQUEEZE"):
    """``input`` without the axes ``squeeze_dims``, or if that is empty without any of size 1."""

    input: Value
    squeeze_dims: tuple[int, ...] = ()

    def infer(self) -> TensorType:
        shape = self.input.type.shape
        ones = tuple(i for i, d in enumerate(shape) if d == 1)
        gone = axes_of(self, self.squeeze_dims, len(shape)) if self.squeeze_dims else ones
        return TensorType(
            self.input.type.dtype, tuple(d for i, d in enumerate(shape) if i not in gone)
        )

    def verify(self) -> None:
        for axis in axes_of(self, self.squeeze_dims, self.input.type.rank):
            size = self.input.type.shape[axis]
            self.check(size == 1, f"axis {axis} has {size} elements and can't be dropped")

    def reference(self, input: Array) -> Array:
        return input.reshape(self.result.type.shape)

    @classmethod
    def samples(cls) -> Iterator[Squeeze]:
        x = Value(TensorType("f32", (1, 3, 1, 5)), "x")
        for dims in ((), (0,), (2,), (-2, 0)):
            yield cls(input=x, squeeze_dims=dims)
