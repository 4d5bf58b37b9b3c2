"""What TFLite's unsorted segment reductions share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Self

import numpy as np

from tflgpuc.ir.graph.axes import static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import DType, TensorType


class UnsortedSegments(Op):
    """Folds the entries of ``input`` that ``segment_ids`` gives the same number, for each number.

    The ids take the place of the first axes of ``input``; entries with a negative id are left out.
    Segments without entries hold what the fold starts from.
    """

    fold: ClassVar[np.ufunc]

    input: Value
    segment_ids: Value
    num_segments: Value

    @property
    def count(self) -> int:
        """The number of segments."""
        given = static_ints(self.num_segments, "num_segments")
        self.check(len(given) == 1, f"num_segments is {self.num_segments.type}, not one number")
        return given[0]

    def infer(self) -> TensorType:
        rest = self.input.type.shape[self.segment_ids.type.rank :]
        return TensorType(self.input.type.dtype, (self.count, *rest))

    def verify(self) -> None:
        data, ids = self.input.type, self.segment_ids.type
        self.check(self.count >= 0, f"{self.count} segments")
        self.check(ids.dtype in ("i32", "i64"), f"segment_ids are {ids.dtype}")
        self.check(data.shape[: ids.rank] == ids.shape, f"segment_ids {ids} for {data}")
        known = self.segment_ids.constant
        if known is not None and known.size:
            self.check(known.max() < self.count, f"id {known.max()} of {self.count} segments")

    def start(self, dtype: np.dtype[np.generic]) -> float | int:
        """What the fold of nothing is."""
        raise TypeError(f"{self.name} declares no start()")

    def reference(self, input: Array, segment_ids: Array, num_segments: Array) -> Array:
        made = np.full(self.result.type.shape, self.start(input.dtype), input.dtype)
        inside = (segment_ids >= 0) & (segment_ids < self.count)
        self.fold.at(made, segment_ids[inside], input[inside])
        return made

    @classmethod
    def samples(cls) -> Iterator[Self]:
        cases: tuple[tuple[tuple[int, ...], tuple[int, ...], int, DType], ...] = (
            ((4, 3), (4,), 3, "f32"),
            ((2, 3, 2, 5), (2, 3), 4, "f32"),
            ((6,), (6,), 2, "f32"),
            ((5, 3), (5,), 3, "i32"),
        )
        for shape, ids, count, dtype in cases:
            yield cls(
                input=runtime(*shape, dtype=dtype),
                segment_ids=runtime(*ids, name="ids", dtype="i32"),
                num_segments=constant(count, "count"),
            )
        yield cls(
            input=runtime(4, 3),
            segment_ids=constant([0, 3, -1, 3], "ids"),
            num_segments=constant([5], "count"),
        )


def finite_limits(dtype: np.dtype[np.generic]) -> tuple[float | int, float | int]:
    """The least and the greatest finite number of an element type."""
    if np.issubdtype(dtype, np.floating):
        real = np.finfo(dtype)  # type: ignore[type-var]
        return float(real.min), float(real.max)
    whole = np.iinfo(dtype)  # type: ignore[type-var]
    return whole.min, whole.max
