"""LOG_SOFTMAX."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType


class LogSoftmax(Op, name="tfl.log_softmax", tflite="LOG_SOFTMAX"):
    """x minus the logarithm of the sum of exp(x), over the last axis."""

    input: Value

    def infer(self) -> TensorType:
        return TensorType(self.input.type.dtype, self.input.type.shape)

    def verify(self) -> None:
        self.check(self.input.type.rank >= 1, "a scalar has no axis to normalise")

    def reference(self, input: Array) -> Array:
        shifted = input - input.max(axis=-1, keepdims=True)
        made = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        return np.asarray(made.astype(input.dtype, copy=False))

    @classmethod
    def samples(cls) -> Iterator[LogSoftmax]:
        yield cls(input=runtime(1, 5))
        yield cls(input=runtime(2, 3, 4, 7))
        yield cls(input=runtime(3, 1))
