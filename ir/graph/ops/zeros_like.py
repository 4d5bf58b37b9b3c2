"""ZEROS_LIKE."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType


class ZerosLike(Op, name="tfl.zeros_like", tflite="ZEROS_LIKE"):
    """Zeros in the type of ``input``."""

    input: Value

    def infer(self) -> TensorType:
        return TensorType(self.input.type.dtype, self.input.type.shape)

    def reference(self, input: Array) -> Array:
        return np.zeros_like(input)

    @classmethod
    def samples(cls) -> Iterator[ZerosLike]:
        yield cls(input=runtime(2, 3, 5))
        yield cls(input=runtime(4, dtype="i32"))
