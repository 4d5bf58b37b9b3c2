"""gpu.normalize: layer and instance normalisation, without their scale and shift."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType


class Normalize(Op, name="gpu.normalize"):
    """(x - mean) / sqrt(variance + epsilon), mean and variance along the ``axes``.

    Axes are counted from the front, in order; the variance is the mean of squared differences.
    """

    input: Value
    axes: tuple[int, ...]
    epsilon: float = 0.0

    def infer(self) -> TensorType:
        return TensorType(self.input.type.dtype, self.input.type.shape)

    def verify(self) -> None:
        rank = self.input.type.rank
        self.check(bool(self.axes), "no axes")
        self.check(list(self.axes) == sorted({a % rank for a in self.axes}), f"axes {self.axes}")

    def reference(self, input: Array) -> Array:
        wide = input.astype(np.float64)
        centred = wide - wide.mean(axis=self.axes, keepdims=True)
        variance = (centred * centred).mean(axis=self.axes, keepdims=True)
        return np.asarray(centred / np.sqrt(variance + self.epsilon), input.dtype)

    @classmethod
    def samples(cls) -> Iterator[Normalize]:
        image = runtime(2, 5, 7, 6)
        yield cls(input=image, axes=(1, 2), epsilon=1e-5)
        yield cls(input=image, axes=(3,), epsilon=1e-3)
        yield cls(input=image, axes=(1, 2, 3), epsilon=1e-5)
        yield cls(input=image, axes=(2,), epsilon=1e-5)
        yield cls(input=runtime(3, 40), axes=(1,), epsilon=1e-5)
        yield cls(input=runtime(4, 3, 9), axes=(0, 2), epsilon=1e-5)
