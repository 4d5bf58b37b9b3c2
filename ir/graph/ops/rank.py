"""RANK."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType


class Rank(Op, name="tfl.rank", tflite="RANK"):
    """The number of axes of ``input``."""

    input: Value

    def infer(self) -> TensorType:
        return TensorType("i32", ())

    def reference(self, input: Array) -> Array:
        return np.array(input.ndim, np.int32)

    @classmethod
    def samples(cls) -> Iterator[Rank]:
        yield cls(input=runtime(2, 3, 5))
        yield cls(input=runtime())
