"""SOFTMAX."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType


class Softmax(Op, name="tfl.softmax", tflite="SOFTMAX"):
    """exp(beta * x) over the last axis, scaled to a sum of 1."""

    input: Value
    beta: float = 1.0

    def infer(self) -> TensorType:
        return TensorType(self.input.type.dtype, self.input.type.shape)

    def verify(self) -> None:
        self.check(self.input.type.rank >= 1, "a scalar has no axis to normalise")

    def reference(self, input: Array) -> Array:
        top = input.max(axis=-1, keepdims=True)
        raised = np.exp((input - top) * np.float32(self.beta))
        made = raised / raised.sum(axis=-1, keepdims=True)
        return np.asarray(made.astype(input.dtype, copy=False))

    @classmethod
    def samples(cls) -> Iterator[Softmax]:
        yield cls(input=runtime(1, 5))
        yield cls(input=runtime(2, 3, 4, 7), beta=0.5)
        yield cls(input=runtime(1, 6, 1), beta=2.0)
        yield cls(input=runtime(9))
