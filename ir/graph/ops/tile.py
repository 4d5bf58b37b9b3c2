"""Repeats a tensor."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.types import TensorType


class Tile(Op, name="tfl.tile", tflite="TILE"):
    """``input`` as often along each axis as ``multiples`` says."""

    input: Value
    multiples: Value

    @property
    def counts(self) -> tuple[int, ...]:
        """Repetitions per axis."""
        return static_ints(self.multiples, "multiples")

    def infer(self) -> TensorType:
        shape = zip(self.input.type.shape, self.counts, strict=True)
        return TensorType(self.input.type.dtype, tuple(d * count for d, count in shape))

    def verify(self) -> None:
        fits = self.multiples.type.shape == (self.input.type.rank,)
        self.check(fits, f"multiples are {self.multiples.type} for {self.input.type}")
        self.check(min((0, *self.counts)) >= 0, f"negative multiples {self.counts}")

    def reference(self, input: Array, multiples: Array) -> Array:
        return np.tile(input, self.counts)

    @classmethod
    def samples(cls) -> Iterator[Tile]:
        for shape, counts in (
            ((1, 2, 3, 4), (1, 2, 1, 3)),
            ((2, 2, 1, 5), (1, 1, 3, 2)),
            ((1, 1, 1, 3), (2, 1, 1, 1)),
            ((2, 3), (2, 2)),
            ((3,), (3,)),
        ):
            data = np.array(counts, np.int32)
            multiples = Constant(data=data, type=TensorType("i32", data.shape)).result
            yield cls(input=Value(TensorType("f32", shape), "x"), multiples=multiples)
