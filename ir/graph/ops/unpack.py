"""Takes a tensor apart along an axis."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import axis_of
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.types import TensorType


class Unpack(Op, name="tfl.unpack", tflite="UNPACK"):
    """The ``num`` entries of ``value`` along ``axis``, each without that axis."""

    value: Value
    num: int = 0
    axis: int = 0

    @property
    def along(self) -> int:
        """The axis, counted from the front."""
        return axis_of(self, self.axis, self.value.type.rank)

    def infer(self) -> tuple[TensorType, ...]:
        shape, at = self.value.type.shape, self.along
        part = TensorType(self.value.type.dtype, (*shape[:at], *shape[at + 1 :]))
        return (part,) * shape[at]

    def verify(self) -> None:
        size = self.value.type.shape[self.along]
        self.check(self.num == size, f"{self.num} results of axis {self.along} of size {size}")

    def reference(self, value: Array) -> tuple[Array, ...]:
        return tuple(np.moveaxis(value, self.along, 0))

    @classmethod
    def samples(cls) -> Iterator[Unpack]:
        for shape, axis in (((2, 3, 4, 5), 0), ((1, 3, 4, 5), -1), ((1, 3, 4, 2), 2), ((3,), 0)):
            x = Value(TensorType("f32", shape), "x")
            yield cls(value=x, num=shape[axis], axis=axis)
