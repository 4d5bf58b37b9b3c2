"""DYNAMIC_UPDATE_SLICE."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import TensorType


class DynamicUpdateSlice(Op, name="tfl.dynamic_update_slice", tflite="DYNAMIC_UPDATE_SLICE"):
    """``operand`` with ``update`` in it from ``start_indices`` on.

    Indices that would let the update stick out are moved to the nearest place where it doesn't.
    """

    operand: Value
    update: Value
    start_indices: Value

    def infer(self) -> TensorType:
        return TensorType(self.operand.type.dtype, self.operand.type.shape)

    def verify(self) -> None:
        whole, part, at = self.operand.type, self.update.type, self.start_indices.type
        self.check(at.dtype in ("i32", "i64"), f"start_indices are {at.dtype}")
        self.check(at.shape == (whole.rank,), f"start_indices are {at} for {whole}")
        self.check(whole.dtype == part.dtype, f"{part} is put into {whole}")
        fits = whole.rank == part.rank and all(
            small <= big for small, big in zip(part.shape, whole.shape, strict=True)
        )
        self.check(fits, f"{part} does not fit into {whole}")

    def reference(self, operand: Array, update: Array, start_indices: Array) -> Array:
        room = np.subtract(operand.shape, update.shape)
        starts = np.clip(start_indices, 0, room).astype(int)
        made = operand.copy()
        made[tuple(slice(a, a + n) for a, n in zip(starts, update.shape, strict=True))] = update
        return made

    @classmethod
    def samples(cls) -> Iterator[DynamicUpdateSlice]:
        for whole, part, at in (
            ((2, 5, 4, 6), (1, 3, 2, 6), [1, 2, 2, 0]),
            ((5, 7), (2, 3), [-3, 9]),
            ((8,), (3,), [4]),
        ):
            yield cls(
                operand=runtime(*whole, name="operand"),
                update=runtime(*part, name="update"),
                start_indices=constant(at, "starts"),
            )
        yield cls(
            operand=runtime(1, 6, 3, name="operand"),
            update=runtime(1, 2, 3, name="update"),
            start_indices=runtime(3, name="starts", dtype="i32"),
        )
