"""The second step of TOPK_V2."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import TensorType


class TopKIndices(Op, name="gpu.topk_indices"):
    """Where in each row of ``ranks`` 0 is, where 1, and so on up to ``k`` of them.

    Of several places it is the last, of none the first element's.
    """

    ranks: Value
    k: int = 1

    def infer(self) -> TensorType:
        return TensorType("i32", (*self.ranks.type.shape[:-1], self.k))

    def verify(self) -> None:
        ranks = self.ranks.type
        self.check(ranks.dtype == "i32", f"ranks are {ranks.dtype}")
        fits = ranks.rank >= 1 and 0 <= self.k <= ranks.shape[-1]
        self.check(fits, f"{self.k} elements of {ranks}")

    def reference(self, ranks: Array) -> Array:
        made = np.zeros(self.result.type.shape, np.int32)
        *outer, place = np.nonzero((ranks >= 0) & (ranks < self.k))
        made[*outer, ranks[*outer, place]] = place
        return made

    @classmethod
    def samples(cls) -> Iterator[TopKIndices]:
        orders = np.array([[2, 0, 3, 1, 4], [0, 4, 1, 2, 3]], np.int32)
        yield cls(ranks=constant(orders, "ranks"), k=3)
        for shape, count in (((2, 3, 4, 9), 4), ((3, 7), 1), ((8,), 8)):
            yield cls(ranks=runtime(*shape, name="ranks", dtype="i32"), k=count)
