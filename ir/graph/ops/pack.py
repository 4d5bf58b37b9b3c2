"""Stacks tensors along a new axis."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import axis_of
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.types import TensorType


class Pack(Op, name="tfl.pack", tflite="PACK"):
    """The ``values``, of one shape, side by side along a new axis at ``axis`` of the result."""

    values: tuple[Value, ...]
    axis: int = 0
    values_count: int = 0

    @property
    def along(self) -> int:
        """The new axis, counted from the front."""
        return axis_of(self, self.axis, self.values[0].type.rank + 1)

    def infer(self) -> TensorType:
        first, at = self.values[0].type, self.along
        return TensorType(first.dtype, (*first.shape[:at], len(self.values), *first.shape[at:]))

    def verify(self) -> None:
        self.check(len(self.values) > 0, "there is nothing to stack")
        count = len(self.values)
        self.check(self.values_count in (0, count), f"{count} of {self.values_count} values")
        first = self.values[0].type
        for value in self.values:
            same = (value.type.dtype, value.type.shape) == (first.dtype, first.shape)
            self.check(same, f"{value!r} is stacked on {first}")
        axis_of(self, self.axis, first.rank + 1)

    def reference(self, values: list[Array]) -> Array:
        return np.stack(values, self.along)

    @classmethod
    def samples(cls) -> Iterator[Pack]:
        for shape, axis, count in (
            ((2, 3, 5), 0, 2),
            ((2, 3, 5), 1, 3),
            ((1, 3, 4), 3, 2),
            ((7,), -1, 2),
            ((), 0, 5),
        ):
            values = tuple(Value(TensorType("f32", shape), f"x{i}") for i in range(count))
            yield cls(values=values, axis=axis, values_count=count)
