"""SEGMENT_SUM."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import DType, TensorType


class SegmentSum(Op, name="tfl.segment_sum", tflite="SEGMENT_SUM"):
    """The sums of the entries of ``input`` that have the same number in ``segment_ids``.

    The ids are constant, start at 0 and go up in steps of 0 or 1.
    """

    input: Value
    segment_ids: Value

    @property
    def ids(self) -> tuple[int, ...]:
        """The number of each entry's segment."""
        return static_ints(self.segment_ids, "segment_ids")

    def infer(self) -> TensorType:
        count = self.ids[-1] + 1 if self.ids else 0
        return TensorType(self.input.type.dtype, (count, *self.input.type.shape[1:]))

    def verify(self) -> None:
        data, given = self.input.type, self.segment_ids.type
        self.check(given.shape == data.shape[:1], f"segment_ids {given} for {data}")
        self.check(given.rank == 1, "data is a single number")
        rises = np.diff(self.ids, prepend=0)
        ordered = not self.ids or (self.ids[0] == 0 and set(rises.tolist()) <= {0, 1})
        self.check(ordered, "segment_ids don't count up from 0")

    def reference(self, input: Array, segment_ids: Array) -> Array:
        made = np.zeros(self.result.type.shape, input.dtype)
        np.add.at(made, segment_ids, input)
        return made

    @classmethod
    def samples(cls) -> Iterator[SegmentSum]:
        cases: tuple[tuple[tuple[int, ...], list[int], DType], ...] = (
            ((4, 3), [0, 0, 1, 2], "f32"),
            ((5, 2, 3), [0, 1, 1, 1, 2], "f32"),
            ((3,), [0, 0, 0], "f32"),
            ((4, 3), [0, 1, 1, 1], "i32"),
        )
        for shape, ids, dtype in cases:
            data = runtime(*shape, dtype=dtype)
            yield cls(input=data, segment_ids=constant(ids, "ids"))
