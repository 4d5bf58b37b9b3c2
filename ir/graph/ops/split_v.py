"""Cuts a tensor into parts of given sizes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

import numpy as np

from tflgpuc.ir.graph.axes import axis_of, static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.types import TensorType


class SplitV(Op, name="tfl.split_v", tflite="SPLIT_V"):
    """``value`` in parts of ``size_splits`` elements along ``axis``; one size may be -1."""

    value: Value
    size_splits: Value
    axis: Value
    num_splits: int = 1

    @property
    def along(self) -> int:
        """The axis, counted from the front."""
        (axis,) = static_ints(self.axis, "axis")
        return axis_of(self, axis, self.value.type.rank)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Elements of each part along the axis."""
        given = static_ints(self.size_splits, "size_splits")
        rest = self.value.type.shape[self.along] - sum(s for s in given if s != -1)
        return tuple(rest if s == -1 else s for s in given)

    def infer(self) -> tuple[TensorType, ...]:
        type, at = self.value.type, self.along
        shapes = ((*type.shape[:at], s, *type.shape[at + 1 :]) for s in self.sizes)
        return tuple(TensorType(type.dtype, shape) for shape in shapes)

    def verify(self) -> None:
        given, size = self.sizes, self.value.type.shape[self.along]
        self.check(
            static_ints(self.size_splits, "size_splits").count(-1) <= 1, "several sizes of -1"
        )
        self.check(len(given) == self.num_splits, f"{len(given)} sizes for {self.num_splits} parts")
        fits = min(given) >= 0 and sum(given) == size
        self.check(fits, f"parts of {given} elements of axis {self.along} of size {size}")

    def reference(self, value: Array, size_splits: Array, axis: Array) -> tuple[Array, ...]:
        return tuple(np.split(value, list(accumulate(self.sizes))[:-1], self.along))

    @classmethod
    def samples(cls) -> Iterator[SplitV]:
        for shape, axis, sizes in (
            ((1, 3, 4, 8), 3, (4, 4)),
            ((2, 3, 2, 9), -1, (1, -1, 3)),
            ((1, 5, 3, 5), 1, (2, 3)),
            ((6, 3), 0, (6,)),
        ):
            data = np.array(sizes, np.int32)
            splits = Constant(data=data, type=TensorType("i32", data.shape)).result
            at = Constant(data=np.array(axis, np.int32), type=TensorType("i32", ())).result
            x = Value(TensorType("f32", shape), "x")
            yield cls(value=x, size_splits=splits, axis=at, num_splits=len(sizes))
