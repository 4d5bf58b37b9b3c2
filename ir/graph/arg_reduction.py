"""What ARG_MAX and ARG_MIN share: where along an axis an extreme element lies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np

from tflgpuc.ir.graph.axes import axis_of, dtype_of, static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import NUMPY, DType, TensorType


class ArgReduction(Op):
    """The place along ``axis`` of an extreme element; the first of several, and the axis is gone.

    Elements are looked at in order, each compared with the best so far, as TFLite does it: a NaN is
    never better, and nothing is better than a NaN in the first place.
    """

    input: Value
    axis: Value
    output_type: str = "INT64"

    @property
    def along(self) -> int:
        """The axis, counted from the front."""
        given = static_ints(self.axis, "axis")
        self.check(len(given) == 1, f"axis is {self.axis.type}, not one number")
        return axis_of(self, given[0], self.input.type.rank)

    def infer(self) -> TensorType:
        shape, at = self.input.type.shape, self.along
        return TensorType(dtype_of(self, self.output_type), (*shape[:at], *shape[at + 1 :]))

    def verify(self) -> None:
        self.check(self.output_type in ("INT32", "INT64"), f"output_type is {self.output_type}")
        self.check(self.input.type.shape[self.along] > 0, f"nothing along axis {self.along}")

    def first_extreme(self, input: Array, worst: float) -> Array:
        """The place of the greatest element; ``worst`` is no greater than any."""
        at = self.along
        unordered = np.isnan(input)
        found = np.argmax(np.where(unordered, input.dtype.type(worst), input), axis=at)
        made = np.where(np.take(unordered, 0, at), 0, found)
        return made.astype(NUMPY[self.result.type.dtype])

    @classmethod
    def samples(cls) -> Iterator[Self]:
        cases: tuple[tuple[tuple[int, ...], int, str, DType], ...] = (
            ((2, 3, 4, 5), 3, "INT32", "f32"),
            ((2, 3, 4, 5), 1, "INT64", "f32"),
            ((3, 7), -1, "INT32", "f32"),
            ((9,), 0, "INT64", "f32"),
            ((2, 3, 6), 0, "INT32", "i32"),
            ((2, 6), 1, "INT32", "bool"),
        )
        for shape, axis, made, dtype in cases:
            x = runtime(*shape, dtype=dtype)
            yield cls(input=x, axis=constant(axis, "axis"), output_type=made)
