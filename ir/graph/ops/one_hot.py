"""ONE_HOT."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import TensorType


class OneHot(Op, name="tfl.one_hot", tflite="ONE_HOT"):
    """``on_value`` at the place of ``depth`` that each index names, ``off_value`` elsewhere.

    The new axis is at ``axis`` of the result, -1 for the end. An index outside of it is off all along.
    """

    indices: Value
    depth: Value
    on_value: Value
    off_value: Value
    axis: int = -1

    @property
    def along(self) -> int:
        """The new axis, counted from the front."""
        return self.indices.type.rank if self.axis == -1 else self.axis

    @property
    def count(self) -> int:
        """The size of the new axis."""
        given = static_ints(self.depth, "depth")
        self.check(len(given) == 1, f"depth is {self.depth.type}, not one number")
        return given[0]

    def infer(self) -> TensorType:
        shape, at = self.indices.type.shape, self.along
        return TensorType(self.on_value.type.dtype, (*shape[:at], self.count, *shape[at:]))

    def verify(self) -> None:
        indices, on, off = self.indices.type, self.on_value.type, self.off_value.type
        self.check(indices.dtype in ("i32", "i64"), f"indices are {indices.dtype}")
        self.check(0 <= self.along <= indices.rank, f"axis {self.axis} for {indices}")
        self.check(self.count >= 0, f"a depth of {self.count}")
        self.check(on.dtype == off.dtype, f"on is {on.dtype}, off is {off.dtype}")
        self.check(on.size == off.size == 1, f"on is {on}, off is {off}: not one number each")

    def reference(self, indices: Array, depth: Array, on_value: Array, off_value: Array) -> Array:
        at = self.along
        places = np.arange(self.count).reshape(-1, *(1,) * (indices.ndim - at))
        hot = np.expand_dims(indices, at) == places
        return np.where(hot, on_value.reshape(()), off_value.reshape(()))

    @classmethod
    def samples(cls) -> Iterator[OneHot]:
        on, off = (constant(np.array(n, np.float32), s) for n, s in ((5, "on"), (-1, "off")))
        for at, depth, axis in (
            ([0, 2, -1, 5], 3, -1),
            ([[0, 2, 1], [1, 1, 3]], 4, 0),
            ([[0, 2, 1], [1, 1, 3]], 5, 1),
        ):
            indices, count = constant(np.array(at, np.int32), "at"), constant(depth, "depth")
            yield cls(indices=indices, depth=count, on_value=on, off_value=off, axis=axis)
        indices, count = runtime(2, 3, 4, name="at", dtype="i32"), constant(6, "depth")
        yield cls(indices=indices, depth=count, on_value=on, off_value=off)
        yield cls(
            indices=indices,
            depth=count,
            on_value=constant(np.array([True]), "on"),
            off_value=constant(np.array([False]), "off"),
            axis=3,
        )
