"""The first step of TOPK_V2."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ordering import descending
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType


class Ranks(Op, name="gpu.ranks"):
    """How many elements of its row come before each one, greatest first; earlier of equal ones do.

    Rows are along the last axis; each is numbered 0 to n - 1.
    """

    input: Value

    def infer(self) -> TensorType:
        return TensorType("i32", self.input.type.shape)

    def verify(self) -> None:
        self.check(self.input.type.rank >= 1, "input is a single number")

    def reference(self, input: Array) -> Array:
        order = descending(input, input.shape[-1])
        made = np.empty(input.shape, np.int32)
        numbers = np.arange(input.shape[-1], dtype=np.int32)
        np.put_along_axis(made, order, np.broadcast_to(numbers, input.shape), -1)
        return made

    @classmethod
    def samples(cls) -> Iterator[Ranks]:
        for shape in ((2, 3, 4, 9), (3, 7), (8,)):
            yield cls(input=runtime(*shape))
        yield cls(input=runtime(3, 6, dtype="i32"))
