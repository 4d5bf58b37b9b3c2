"""LOCAL_RESPONSE_NORMALIZATION."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType


class LocalResponseNormalization(
    Op, name="tfl.local_response_normalization", tflite="LOCAL_RESPONSE_NORMALIZATION"
):
    """x / (bias + alpha * s) ** beta, s summing the squares up to ``radius`` channels away."""

    input: Value
    radius: int = 5
    bias: float = 1.0
    alpha: float = 1.0
    beta: float = 0.5

    def infer(self) -> TensorType:
        return TensorType(self.input.type.dtype, self.input.type.shape)

    def verify(self) -> None:
        self.check(self.input.type.rank == 4, f"input must be NHWC, not {self.input.type}")
        self.check(self.radius >= 0, f"negative radius {self.radius}")

    def reference(self, input: Array) -> Array:
        channels = input.shape[3]
        reach = min(self.radius, channels)
        squares = np.pad(np.square(input), ((0, 0), (0, 0), (0, 0), (reach, reach)))
        total = np.zeros_like(input)
        for shift in range(2 * reach + 1):
            total += squares[..., shift : shift + channels]
        made = input * np.power(self.bias + self.alpha * total, -self.beta)
        return made.astype(input.dtype, copy=False)

    @classmethod
    def samples(cls) -> Iterator[LocalResponseNormalization]:
        yield cls(input=runtime(1, 3, 4, 7), radius=2, bias=1.0, alpha=0.1, beta=0.75)
        yield cls(input=runtime(2, 2, 2, 3), radius=5)
        yield cls(input=runtime(1, 2, 2, 5), radius=0, bias=2.0, alpha=0.5, beta=0.5)
