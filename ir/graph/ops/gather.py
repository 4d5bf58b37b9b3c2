"""Takes entries by their indices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import axis_of
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.types import TensorType


class Gather(Op, name="tfl.gather", tflite="GATHER"):
    """The entries of ``params`` along ``axis`` that ``indices`` names; its shape replaces the axis.

    The first ``batch_dims`` axes of both go together. Indices have to be within the axis.
    """

    params: Value
    indices: Value
    axis: int = 0
    batch_dims: int = 0

    @property
    def along(self) -> int:
        """The axis of params, counted from the front."""
        return axis_of(self, self.axis, self.params.type.rank)

    @property
    def batch(self) -> int:
        """How many leading axes go together."""
        rank = self.indices.type.rank
        return self.batch_dims + rank if self.batch_dims < 0 else self.batch_dims

    def infer(self) -> TensorType:
        shape, at = self.params.type.shape, self.along
        taken = self.indices.type.shape[self.batch :]
        return TensorType(self.params.type.dtype, (*shape[:at], *taken, *shape[at + 1 :]))

    def verify(self) -> None:
        params, indices = self.params.type, self.indices.type
        self.check(indices.dtype in ("i16", "i32", "i64"), f"indices are {indices.dtype}")
        fits = 0 <= self.batch <= min(self.along, indices.rank)
        self.check(fits, f"batch_dims {self.batch_dims} with axis {self.along} and {indices}")
        same = params.shape[: self.batch] == indices.shape[: self.batch]
        self.check(same, f"{params} and {indices} differ in the first {self.batch} axes")
        known = self.indices.constant
        if known is not None and known.size:
            size = params.shape[self.along]
            inside = known.min() >= 0 and known.max() < size
            self.check(inside, f"indices {known.min()} to {known.max()} of axis of size {size}")

    def reference(self, params: Array, indices: Array) -> Array:
        batch, at = self.batch, self.along
        made = np.empty(self.result.type.shape, params.dtype)
        for place in np.ndindex(params.shape[:batch]):
            made[place] = np.take(params[place], indices[place], at - batch)
        return made

    @classmethod
    def samples(cls) -> Iterator[Gather]:
        for shape, axis, batch, indices in (
            ((5, 3), 0, 0, [4, 0, 2]),
            ((1, 4, 3, 6), 3, 0, [5, 1, 0]),
            ((1, 4, 3, 5), 1, 0, [[3, 0], [1, 1]]),
            ((2, 4, 5), -1, 0, 2),
            ((2, 4, 3), 1, 1, [[3, 0], [1, 2]]),
        ):
            data = np.array(indices, np.int32)
            at = Constant(data=data, type=TensorType("i32", data.shape), names=("indices",))
            x = Value(TensorType("f32", shape), "x")
            yield cls(params=x, indices=at.result, axis=axis, batch_dims=batch)
