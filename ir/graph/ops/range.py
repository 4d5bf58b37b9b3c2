"""Numbers at equal distances."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.types import NUMPY, DType, TensorType


class Range(Op, name="tfl.range", tflite="RANGE"):
    """``start``, ``start + delta``, ... as long as that is short of ``limit``."""

    start: Value
    limit: Value
    delta: Value

    def infer(self) -> TensorType:
        start, limit, delta = (
            value.static(what).item()
            for what, value in (("start", self.start), ("limit", self.limit), ("delta", self.delta))
        )
        self.check(delta != 0, "delta is 0")
        return TensorType(self.start.type.dtype, (max(math.ceil((limit - start) / delta), 0),))

    def verify(self) -> None:
        for what, value in (("start", self.start), ("limit", self.limit), ("delta", self.delta)):
            self.check(value.type.size == 1, f"{what} is {value.type}, not one number")
            same = value.type.dtype == self.start.type.dtype
            self.check(same, f"{what} is {value.type.dtype}, start is {self.start.type.dtype}")

    def reference(self, start: Array, limit: Array, delta: Array) -> Array:
        steps = np.arange(self.result.type.size).astype(start.dtype)
        return np.asarray(start.reshape(()) + steps * delta.reshape(()))

    @classmethod
    def samples(cls) -> Iterator[Range]:
        cases: tuple[tuple[DType, tuple[float, float, float]], ...] = (
            ("i32", (0, 5, 1)),
            ("i32", (7, 0, -3)),
            ("f32", (0.5, 2.0, 0.25)),
            ("i32", (3, 3, 1)),
        )
        for dtype, numbers in cases:
            type = TensorType(dtype, ())
            made = [Constant(data=np.array(n, NUMPY[dtype]), type=type).result for n in numbers]
            yield cls(start=made[0], limit=made[1], delta=made[2])
