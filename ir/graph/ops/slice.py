"""Cuts a box out of a tensor."""

from __future__ import annotations

import builtins
from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.types import TensorType


class Slice(Op, name="tfl.slice", tflite="SLICE"):
    """``size`` elements of each axis from ``begin`` on; a size of -1 goes to the axis's end."""

    input: Value
    begin: Value
    size: Value

    @property
    def starts(self) -> tuple[int, ...]:
        """The first element taken, per axis."""
        return static_ints(self.begin, "begin")

    def infer(self) -> TensorType:
        axes = zip(self.input.type.shape, self.starts, static_ints(self.size, "size"), strict=True)
        shape = tuple(d - start if size == -1 else size for d, start, size in axes)
        return TensorType(self.input.type.dtype, shape)

    def verify(self) -> None:
        shape = self.input.type.shape
        for what, value in (("begin", self.begin), ("size", self.size)):
            fits = value.type.size == len(shape)
            self.check(fits, f"{what} is {value.type} for {self.input.type}")
        for axis, d in enumerate(shape):
            start, size = self.starts[axis], self.infer().shape[axis]
            inside = 0 <= start <= d and 0 <= size <= d - start
            self.check(inside, f"elements {start} to {start + size} of axis {axis} of size {d}")

    def reference(self, input: Array, begin: Array, size: Array) -> Array:
        ranges = zip(self.starts, self.result.type.shape, strict=True)
        return input[tuple(builtins.slice(start, start + count) for start, count in ranges)]

    @classmethod
    def samples(cls) -> Iterator[Slice]:
        for shape, starts, sizes in (
            ((1, 4, 5, 6), (0, 1, 2, 0), (1, 2, -1, 6)),
            ((2, 4, 5, 7), (1, 0, 0, 3), (1, 4, 5, 2)),
            ((2, 3, 2, 9), (0, 0, 0, 4), (2, 3, 2, -1)),
            ((5, 3), (2, 1), (2, 2)),
            ((7,), (3,), (-1,)),
        ):
            type = TensorType("i32", (len(shape),))
            begin = Constant(data=np.array(starts, np.int32), type=type, names=("begin",)).result
            size = Constant(data=np.array(sizes, np.int32), type=type, names=("size",)).result
            yield cls(input=Value(TensorType("f32", shape), "x"), begin=begin, size=size)
