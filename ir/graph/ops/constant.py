"""A constant tensor."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op
from tflgpuc.ir.graph.types import NUMPY, TensorType


class Constant(Op, name="tfl.constant"):
    """A tensor known at compile time; ``data`` may be a view of the mapped model file.

    Of element types that NumPy lacks, ``data`` are the bytes as the file has them.
    """

    data: Array
    type: TensorType

    def infer(self) -> TensorType:
        return self.type

    def verify(self) -> None:
        if self.type.dtype not in NUMPY:
            self.check(self.data.dtype == np.uint8, f"{self.data.dtype} as {self.type}")
            return
        self.check(self.data.shape == self.type.shape, f"data of {self.data.shape} as {self.type}")
        self.check(self.data.dtype == NUMPY[self.type.dtype], f"{self.data.dtype} as {self.type}")

    def reference(self) -> Array:
        return self.data

    @classmethod
    def samples(cls) -> Iterator[Constant]:
        yield cls(data=np.arange(6, dtype=np.float32), type=TensorType("f32", (6,)))
        yield cls(data=np.zeros((2, 0, 3), np.int32), type=TensorType("i32", (2, 0, 3)))
        yield cls(data=np.array(True), type=TensorType("bool", ()))
