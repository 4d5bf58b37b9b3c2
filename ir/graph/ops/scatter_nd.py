"""SCATTER_ND."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import DType, TensorType


class ScatterND(Op, name="tfl.scatter_nd", tflite="SCATTER_ND"):
    """Zeros of ``shape`` with ``updates`` added at places in its first axes, each a row of indices.

    Updates of one place add up, in their order; bools are true where one of them is.
    """

    indices: Value
    updates: Value
    shape: Value

    @property
    def depth(self) -> int:
        """How many axes of the result a row of indices names."""
        return self.indices.type.shape[-1]

    def infer(self) -> TensorType:
        return TensorType(self.updates.type.dtype, static_ints(self.shape, "shape"))

    def verify(self) -> None:
        indices, updates, made = self.indices.type, self.updates.type, self.infer()
        self.check(self.shape.type.rank == 1, f"shape is {self.shape.type}")
        self.check(indices.dtype in ("i32", "i64"), f"indices are {indices.dtype}")
        self.check(indices.rank >= 1, "indices are a single number")
        self.check(min((0, *made.shape)) >= 0, f"a shape of {made.shape}")
        fits = 1 <= indices.shape[-1] <= made.rank
        self.check(fits, f"{indices} names {indices.shape[-1:]} axes of {made}")
        wanted = (*indices.shape[:-1], *made.shape[self.depth :])
        self.check(updates.shape == wanted, f"updates are {updates}, not of {wanted}")
        known = self.indices.constant
        if known is not None:
            inside = ((known >= 0) & (known < made.shape[: self.depth])).all()
            self.check(bool(inside), f"indices outside of {made}")

    def reference(self, indices: Array, updates: Array, shape: Array) -> Array:
        made = np.zeros(self.result.type.shape, updates.dtype)
        np.add.at(made, tuple(np.moveaxis(indices, -1, 0)), updates)
        return made

    @classmethod
    def samples(cls) -> Iterator[ScatterND]:
        cases: tuple[tuple[list[list[int]], tuple[int, ...], tuple[int, ...], DType], ...] = (
            ([[4], [1], [4]], (3,), (6,), "f32"),
            ([[2], [0]], (2, 3, 5), (4, 3, 5), "f32"),
            ([[1, 2], [0, 0], [1, 2]], (3, 4), (2, 3, 4), "f32"),
            ([[1], [1]], (2, 3), (3, 3), "i32"),
            ([[3], [0], [3]], (3,), (5,), "bool"),
        )
        for at, updates, shape, dtype in cases:
            yield cls(
                indices=constant(np.array(at, np.int32), "indices"),
                updates=runtime(*updates, name="updates", dtype=dtype),
                shape=constant(shape, "shape"),
            )
        yield cls(
            indices=runtime(4, 2, name="indices", dtype="i32"),
            updates=runtime(4, 5, name="updates"),
            shape=constant([2, 3, 5], "shape"),
        )
