"""The second step of a convolution by Winograd's method."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime, weights
from tflgpuc.ir.graph.types import TensorType


class WinogradProduct(Op, name="gpu.winograd_product"):
    """At each point the tiles times a filter of its own, [points, out, in]: one matrix product each."""

    input: Value
    filter: Value

    def infer(self) -> TensorType:
        points, one, tiles, _ = self.input.type.shape
        shape = (points, one, tiles, self.filter.type.shape[1])
        return TensorType(self.input.type.dtype, shape)

    def verify(self) -> None:
        self.check(self.input.type.rank == 4, f"input is {self.input.type}")
        points, _, _, channels = self.input.type.shape
        shape = self.filter.type.shape
        self.check(
            len(shape) == 3 and (shape[0], shape[2]) == (points, channels),
            f"filter {self.filter.type} of input {self.input.type}",
        )

    def reference(self, input: Array, filter: Array) -> Array:
        return np.asarray(np.einsum("patc,poc->pato", input, filter), input.dtype)

    def macs(self) -> int:
        return self.result.type.size * self.filter.type.shape[2]

    @classmethod
    def samples(cls) -> Iterator[WinogradProduct]:
        yield cls(input=runtime(36, 1, 5, 6), filter=weights(36, 7, 6))
        yield cls(input=runtime(3, 1, 9, 12), filter=weights(3, 16, 12))
