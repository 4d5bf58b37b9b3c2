"""The second result of TOPK_V2."""

from __future__ import annotations

from collections.abc import Iterator

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ordering import descending
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType


class TopKIndices(Op, name="gpu.topk_indices"):
    """The indices of the ``k`` greatest elements along the last axis, greatest first.

    Of equal elements the first comes first.
    """

    input: Value
    k: int = 1

    def infer(self) -> TensorType:
        return TensorType("i32", (*self.input.type.shape[:-1], self.k))

    def verify(self) -> None:
        fits = self.input.type.rank >= 1 and 0 <= self.k <= self.input.type.shape[-1]
        self.check(fits, f"{self.k} elements of {self.input.type}")

    def reference(self, input: Array) -> Array:
        return descending(input, self.k)

    @classmethod
    def samples(cls) -> Iterator[TopKIndices]:
        for shape, count in (((2, 3, 4, 9), 4), ((3, 7), 1), ((8,), 8)):
            yield cls(input=runtime(*shape), k=count)
