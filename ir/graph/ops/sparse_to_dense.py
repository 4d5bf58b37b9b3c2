"""SPARSE_TO_DENSE."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import TensorType


class SparseToDense(Op, name="tfl.sparse_to_dense", tflite="SPARSE_TO_DENSE"):
    """``default_value`` everywhere but where ``sparse_indices`` puts ``sparse_values``.

    Indices are a row for each place, or one number each along the only axis; a single value goes to
    all places. Of values for the same place the last one stays; TFLite never minds the order,
    whatever ``validate_indices`` says.
    """

    sparse_indices: Value
    dense_shape: Value
    sparse_values: Value
    default_value: Value
    validate_indices: bool = False

    def places(self, indices: Array) -> Array:
        """A row of indices for each place."""
        return indices if indices.ndim == 2 else indices.reshape(-1, 1)

    def infer(self) -> TensorType:
        return TensorType(self.sparse_values.type.dtype, static_ints(self.dense_shape, "shape"))

    def verify(self) -> None:
        indices, values, made = self.sparse_indices.type, self.sparse_values.type, self.infer()
        self.check(indices.dtype in ("i32", "i64"), f"indices are {indices.dtype}")
        self.check(min((0, *made.shape)) >= 0, f"a shape of {made.shape}")
        depth = indices.shape[-1] if indices.rank == 2 else 1
        self.check(indices.rank <= 2 and depth == made.rank, f"indices are {indices} for {made}")
        count = indices.shape[0] if indices.rank else 1
        self.check(values.shape in ((), (count,)), f"{values} for {count} places")
        default = self.default_value.type
        fits = default.size == 1 and default.dtype == values.dtype
        self.check(fits, f"a default of {default} amid {values}")
        known = self.sparse_indices.constant
        if known is not None:
            rows = self.places(known)
            inside = ((rows >= 0) & (rows < made.shape)).all()
            self.check(bool(inside), f"indices outside of {made}")

    def reference(
        self,
        sparse_indices: Array,
        dense_shape: Array,
        sparse_values: Array,
        default_value: Array,
    ) -> Array:
        made = np.full(self.result.type.shape, default_value.reshape(()))
        made[tuple(self.places(sparse_indices).T)] = sparse_values
        return made

    @classmethod
    def samples(cls) -> Iterator[SparseToDense]:
        default = constant(np.array(-1, np.float32), "default")
        for at, shape, values in (
            ([[0, 1], [2, 3], [0, 1]], (3, 4), (3,)),
            ([4, 1], (6,), (2,)),
            ([[1, 0, 1], [0, 1, 2]], (2, 2, 3), ()),
            (3, (5,), ()),
        ):
            yield cls(
                sparse_indices=constant(np.array(at, np.int32), "indices"),
                dense_shape=constant(shape, "shape"),
                sparse_values=runtime(*values, name="values"),
                default_value=default,
            )
