"""A tensor's shape."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import dtype_of
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.types import NUMPY, TensorType


class Shape(Op, name="tfl.shape", tflite="SHAPE"):
    """The number of elements along each axis of ``input``."""

    input: Value
    out_type: str = "INT32"

    def infer(self) -> TensorType:
        return TensorType(dtype_of(self, self.out_type), (self.input.type.rank,))

    def verify(self) -> None:
        self.check(self.out_type in ("INT32", "INT64"), f"out_type is {self.out_type}")

    def reference(self, input: Array) -> Array:
        return np.array(input.shape, NUMPY[self.result.type.dtype])

    @classmethod
    def samples(cls) -> Iterator[Shape]:
        yield cls(input=Value(TensorType("f32", (1, 3, 4, 5)), "x"))
        yield cls(input=Value(TensorType("f32", ()), "x"), out_type="INT64")
