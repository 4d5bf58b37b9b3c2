"""Another element type, by value."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import dtype_of
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.types import NUMPY, DType, TensorType


class Cast(Op, name="tfl.cast", tflite="CAST"):
    """``input`` in ``out_data_type``; integers lose the fraction, bools are 0 and 1."""

    input: Value
    in_data_type: str = "FLOAT32"
    out_data_type: str = "FLOAT32"

    def infer(self) -> TensorType:
        return TensorType(dtype_of(self, self.out_data_type), self.input.type.shape)

    def verify(self) -> None:
        # TFLite goes by the tensor itself, so in_data_type is not checked against it.
        for dtype in (self.input.type.dtype, self.infer().dtype):
            self.check(dtype in NUMPY, f"no conversion from or to {dtype}")

    def reference(self, input: Array) -> Array:
        return np.asarray(input).astype(NUMPY[self.result.type.dtype])

    @classmethod
    def samples(cls) -> Iterator[Cast]:
        cases: tuple[tuple[DType, str], ...] = (
            ("f32", "INT32"),
            ("i32", "FLOAT32"),
            ("bool", "FLOAT32"),
            ("f16", "FLOAT32"),
        )
        for old, new in cases:
            x = Value(TensorType(old, (1, 2, 3, 5)), "x")
            yield cls(input=x, out_data_type=new)
