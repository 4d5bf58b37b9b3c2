"""L2_NORMALIZATION."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType

# TFLite's kernels hard-code the smallest norm that they divide by.
EPSILON = 1e-6


class L2Normalization(Op, name="tfl.l2_normalization", tflite="L2_NORMALIZATION"):
    """x divided by its Euclidean norm, at least 1e-6, along the last axis."""

    input: Value
    fused_activation_function: str = "NONE"

    def infer(self) -> TensorType:
        return TensorType(self.input.type.dtype, self.input.type.shape)

    def verify(self) -> None:
        self.check(self.input.type.rank >= 1, "a scalar has no axis to normalise")
        self.check(
            self.fused_activation_function == "NONE",
            f"TFLite fuses no activation here, not even {self.fused_activation_function}",
        )

    def reference(self, input: Array) -> Array:
        norm = np.sqrt(np.square(input).sum(axis=-1, keepdims=True))
        return np.asarray(input / np.maximum(norm, EPSILON), input.dtype)

    @classmethod
    def samples(cls) -> Iterator[L2Normalization]:
        yield cls(input=runtime(2, 3, 4, 5))
        yield cls(input=runtime(1, 7))
        yield cls(input=runtime(3, 1))
