"""WHERE."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import constant
from tflgpuc.ir.graph.types import TensorType


class Where(Op, name="tfl.where", tflite="WHERE"):
    """The places of the true, or non-zero, elements of ``condition``: a row of indices for each.

    How many there are is only known of a constant.
    """

    condition: Value

    def infer(self) -> TensorType:
        count = int(np.count_nonzero(self.condition.static("condition")))
        return TensorType("i64", (count, self.condition.type.rank))

    def verify(self) -> None:
        self.check(self.condition.type.rank > 0, "condition is a single number")

    def reference(self, condition: Array) -> Array:
        return np.argwhere(condition)

    @classmethod
    def samples(cls) -> Iterator[Where]:
        yield cls(condition=constant(np.array([[True, False, True], [False, True, True]])))
        yield cls(condition=constant(np.array([0.0, -0.0, 2.0, np.nan], np.float32)))
        yield cls(condition=constant(np.array([[[3, 0]], [[0, -1]]], np.int32)))
