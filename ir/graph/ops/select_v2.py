"""A choice between two tensors, with broadcasting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Elementwise, truth
from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.types import DType, Lanes, TensorType
from tflgpuc.ir.shader import Expr, select


class SelectV2(Elementwise, name="tfl.select_v2", tflite="SELECT_V2"):
    """``x`` where ``condition`` holds, else ``y``; all three broadcast."""

    narrow: ClassVar[bool] = True

    condition: Value
    x: Value
    y: Value

    def infer(self) -> TensorType:
        return replace(super().infer(), dtype=self.x.type.dtype)

    def verify(self) -> None:
        super().verify()
        x, y, condition = self.x.type, self.y.type, self.condition.type
        self.check(condition.dtype == "bool", f"the condition is {condition.dtype}, not bool")
        self.check(x.dtype == y.dtype, f"x is {x.dtype}, y is {y.dtype}")

    def expr(self, condition: Expr, x: Expr, y: Expr) -> Expr:
        return select(truth(condition), x, y)

    def reference(self, condition: Array, x: Array, y: Array) -> Array:
        return np.where(condition, x, y)

    def padding_lanes(self, *lanes: Lanes) -> Lanes:
        seen = self.seen_lanes("zero", *lanes[1:])[1:]
        if "any" in seen:
            return "any"
        # Either side may be chosen, so both have to be zero.
        known = (self.probe(self.x), self.probe(self.y))
        zero = set(seen) == {"zero"} and not any(array.any() for array in known)
        return "zero" if zero else "finite"

    @classmethod
    def samples(cls) -> Iterator[SelectV2]:
        dtypes: tuple[DType, ...] = ("f32", "i32")
        for c, x, y in (
            ((1, 4, 3, 5), (1, 4, 3, 5), (1, 4, 3, 5)),
            ((2, 4, 3, 1), (2, 4, 3, 6), (6,)),
            ((2, 1, 7), (), (2, 3, 7)),
            ((), (3,), (3,)),
        ):
            for dtype in dtypes:
                yield cls(
                    condition=Value(TensorType("bool", c), "condition"),
                    x=Value(TensorType(dtype, x), "x"),
                    y=Value(TensorType(dtype, y), "y"),
                )
