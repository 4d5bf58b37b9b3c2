"""A choice between two tensors of one shape."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.elementwise import Elementwise, truth
from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.types import Lanes, TensorType
from tflgpuc.ir.shader import Expr, select


class Select(Elementwise, name="tfl.select", tflite="SELECT"):
    """``x`` where ``condition`` holds, else ``y``.

    A condition of rank 1 for x of a higher rank chooses whole entries of x's first axis, and is
    therefore not elementwise: see ``by_rows``.
    """

    condition: Value
    x: Value
    y: Value

    @property
    def by_rows(self) -> bool:
        """Whether the condition goes with the first axis alone."""
        return self.condition.type.rank == 1 and self.x.type.rank > 1

    def infer(self) -> TensorType:
        return TensorType(self.x.type.dtype, self.x.type.shape)

    def verify(self) -> None:
        super().verify()
        x, y, condition = self.x.type, self.y.type, self.condition.type
        self.check(condition.dtype == "bool", f"the condition is {condition.dtype}, not bool")
        self.check((x.dtype, x.shape) == (y.dtype, y.shape), f"x is {x}, y is {y}")
        fits = condition.size == 1 or condition.shape in (x.shape, x.shape[:1])
        self.check(fits, f"a condition {condition} chooses among {x}")

    def expr(self, condition: Expr, x: Expr, y: Expr) -> Expr:
        self.check(not self.by_rows, "the condition has another rank than what it chooses")
        return select(truth(condition), x, y)

    def reference(self, condition: Array, x: Array, y: Array) -> Array:
        if condition.size == 1:
            condition = condition.reshape(())
        elif condition.ndim != x.ndim:
            condition = condition.reshape(-1, *(1,) * (x.ndim - 1))
        return np.where(condition, x, y)

    def padding_lanes(self, *lanes: Lanes) -> Lanes:
        # Whatever the condition's lanes hold, the choice is x's or y's.
        return super().padding_lanes("zero", *lanes[1:])

    @classmethod
    def samples(cls) -> Iterator[Select]:
        for shape in ((1, 4, 3, 5), (2, 3), ()):
            yield cls(
                condition=Value(TensorType("bool", shape), "condition"),
                x=Value(TensorType("f32", shape), "x"),
                y=Value(TensorType("f32", shape), "y"),
            )
        yield cls(
            condition=Value(TensorType("bool", (3,)), "condition"),
            x=Value(TensorType("f32", (3, 2, 5)), "x"),
            y=Value(TensorType("f32", (3, 2, 5)), "y"),
        )
