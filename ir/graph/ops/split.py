"""Cuts a tensor into equal parts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import axis_of, static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.types import TensorType


class Split(Op, name="tfl.split", tflite="SPLIT"):
    """``value`` in ``num_splits`` equal parts along ``axis``."""

    axis: Value
    value: Value
    num_splits: int = 1

    @property
    def along(self) -> int:
        """The axis, counted from the front."""
        (axis,) = static_ints(self.axis, "axis")
        return axis_of(self, axis, self.value.type.rank)

    def infer(self) -> tuple[TensorType, ...]:
        shape, at = self.value.type.shape, self.along
        part = (*shape[:at], shape[at] // max(self.num_splits, 1), *shape[at + 1 :])
        return (TensorType(self.value.type.dtype, part),) * self.num_splits

    def verify(self) -> None:
        self.check(self.num_splits > 0, f"{self.num_splits} parts")
        size = self.value.type.shape[self.along]
        fits = size % self.num_splits == 0
        self.check(fits, f"axis {self.along} of {size} does not split into {self.num_splits}")

    def reference(self, axis: Array, value: Array) -> tuple[Array, ...]:
        return tuple(np.split(value, self.num_splits, self.along))

    @classmethod
    def samples(cls) -> Iterator[Split]:
        for shape, axis, count in (
            ((1, 3, 4, 8), 3, 2),
            ((2, 3, 2, 9), -1, 3),
            ((1, 4, 3, 5), 1, 2),
            ((6, 3), 0, 3),
            ((5,), 0, 1),
        ):
            at = Constant(data=np.array(axis, np.int32), type=TensorType("i32", ())).result
            yield cls(axis=at, value=Value(TensorType("f32", shape), "x"), num_splits=count)
