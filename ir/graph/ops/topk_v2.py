"""TOPK_V2."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ordering import descending
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import TensorType


class TopKV2(Op, name="tfl.topk_v2", tflite="TOPK_V2"):
    """The ``k`` greatest elements along the last axis, greatest first, and their indices.

    Of equal elements the first comes first.
    """

    input: Value
    k: Value

    @property
    def count(self) -> int:
        """How many elements are taken."""
        given = static_ints(self.k, "k")
        self.check(len(given) == 1, f"k is {self.k.type}, not one number")
        return given[0]

    def infer(self) -> tuple[TensorType, TensorType]:
        shape = (*self.input.type.shape[:-1], self.count)
        return TensorType(self.input.type.dtype, shape), TensorType("i32", shape)

    def verify(self) -> None:
        input = self.input.type
        self.check(input.rank >= 1, "input is a single number")
        self.check(
            0 <= self.count <= input.shape[-1], f"{self.count} of {input.shape[-1]} elements"
        )

    def reference(self, input: Array, k: Array) -> tuple[Array, Array]:
        indices = descending(input, self.count)
        return np.take_along_axis(input, indices, -1), indices

    @classmethod
    def samples(cls) -> Iterator[TopKV2]:
        for shape, count in (((2, 3, 4, 9), 4), ((3, 7), 1), ((8,), 8)):
            yield cls(input=runtime(*shape), k=constant(count, "k"))
        yield cls(input=runtime(3, 6, dtype="i32"), k=constant([4], "k"))
