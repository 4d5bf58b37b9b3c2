"""CUMSUM."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import axis_of, static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import TensorType


class Cumsum(Op, name="tfl.cumsum", tflite="CUMSUM"):
    """At each place the sum of the elements along ``axis`` up to there.

    ``exclusive`` leaves the place itself out, ``reverse`` sums from the end.
    """

    input: Value
    axis: Value
    exclusive: bool = False
    reverse: bool = False

    @property
    def along(self) -> int:
        """The axis, counted from the front."""
        given = static_ints(self.axis, "axis")
        self.check(len(given) == 1, f"axis is {self.axis.type}, not one number")
        return axis_of(self, given[0], self.input.type.rank)

    def infer(self) -> TensorType:
        return TensorType(self.input.type.dtype, self.input.type.shape)

    def verify(self) -> None:
        axis_of(self, self.along, self.input.type.rank)

    def reference(self, input: Array, axis: Array) -> Array:
        moved = np.moveaxis(input, self.along, -1)
        moved = moved[..., ::-1] if self.reverse else moved
        sums = np.cumsum(moved, axis=-1, dtype=input.dtype)
        if self.exclusive:
            first = np.zeros_like(sums[..., :1])
            sums = np.concatenate([first, sums[..., :-1]], axis=-1)
        sums = sums[..., ::-1] if self.reverse else sums
        return np.moveaxis(sums, -1, self.along)

    @classmethod
    def samples(cls) -> Iterator[Cumsum]:
        for shape, axis, exclusive, reverse in (
            ((2, 3, 4, 5), 3, False, False),
            ((2, 3, 4, 5), 1, True, False),
            ((3, 7), -1, False, True),
            ((2, 5, 3), -2, True, True),
            ((9,), 0, False, False),
        ):
            yield cls(
                input=runtime(*shape),
                axis=constant(axis, "axis"),
                exclusive=exclusive,
                reverse=reverse,
            )
        yield cls(input=runtime(2, 6, dtype="i32"), axis=constant(1, "axis"))
