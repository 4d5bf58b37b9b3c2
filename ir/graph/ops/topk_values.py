"""The first result of TOPK_V2."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ordering import descending
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType


class TopKValues(Op, name="gpu.topk_values"):
    """The ``k`` greatest elements along the last axis, greatest first."""

    input: Value
    k: int = 1

    def infer(self) -> TensorType:
        return TensorType(self.input.type.dtype, (*self.input.type.shape[:-1], self.k))

    def verify(self) -> None:
        fits = self.input.type.rank >= 1 and 0 <= self.k <= self.input.type.shape[-1]
        self.check(fits, f"{self.k} elements of {self.input.type}")

    def reference(self, input: Array) -> Array:
        return np.take_along_axis(input, descending(input, self.k), -1)

    @classmethod
    def samples(cls) -> Iterator[TopKValues]:
        for shape, count in (((2, 3, 4, 9), 4), ((3, 7), 1), ((8,), 8)):
            yield cls(input=runtime(*shape), k=count)
