"""EMBEDDING_LOOKUP."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.errors import UnsupportedError
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import constant, runtime, weights
from tflgpuc.ir.graph.types import Quantization, TensorType


class EmbeddingLookup(Op, name="tfl.embedding_lookup", tflite="EMBEDDING_LOOKUP"):
    """The rows of ``value`` that ``ids`` names.

    Rows of a quantised table are made real numbers, without regard to its zero point, unless the
    result is quantised too.
    """

    ids: Value
    value: Value

    @property
    def hybrid(self) -> Quantization | None:
        """The scales to multiply with, where the result is real and the table isn't."""
        kept = bool(self.quantization) and self.quantization[0] is not None
        return None if kept or self.value.type.dtype == "f32" else self.value.type.quantization

    def infer(self) -> TensorType:
        shape = (*self.ids.type.shape, *self.value.type.shape[1:])
        return TensorType("f32" if self.hybrid else self.value.type.dtype, shape)

    def verify(self) -> None:
        ids, value = self.ids.type, self.value.type
        self.check(ids.dtype == "i32" and ids.rank == 1, f"ids are {ids}")
        self.check(value.rank >= 2, f"{value} is no table")
        if self.hybrid is not None and value.dtype != "i8":
            raise UnsupportedError(f"{self.describe()}: a table of quantised {value.dtype}")
        known = self.ids.constant
        if known is not None and known.size:
            inside = known.min() >= 0 and known.max() < value.shape[0]
            self.check(inside, f"ids {known.min()} to {known.max()} of {value}")

    def reference(self, ids: Array, value: Array) -> Array:
        if self.hybrid is None:
            return value[ids]
        scales = np.array(self.hybrid.scale, np.float32)
        rows = scales if len(scales) == 1 else scales[ids].reshape(-1, *(1,) * (value.ndim - 1))
        return value[ids].astype(np.float32) * rows

    @classmethod
    def samples(cls) -> Iterator[EmbeddingLookup]:
        ids = runtime(3, name="ids", dtype="i32")
        yield cls(ids=ids, value=weights(4, 5))
        yield cls(ids=constant([2, 0, 2, 1], "ids"), value=weights(3, 2, 6))
        yield cls(ids=ids, value=runtime(5, 7, name="value"))
