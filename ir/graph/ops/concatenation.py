"""Joins tensors along an axis."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.activation import activate
from tflgpuc.ir.graph.axes import axis_of
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.types import TensorType


class Concatenation(Op, name="tfl.concatenation", tflite="CONCATENATION"):
    """The ``values`` one after the other along ``axis``."""

    values: tuple[Value, ...]
    axis: int = 0
    fused_activation_function: str = "NONE"

    def infer(self) -> TensorType:
        first = self.values[0].type
        axis = axis_of(self, self.axis, first.rank)
        size = sum(v.type.shape[axis] for v in self.values)
        return TensorType(first.dtype, (*first.shape[:axis], size, *first.shape[axis + 1 :]))

    def verify(self) -> None:
        self.check(len(self.values) > 0, "there is nothing to join")
        first = self.values[0].type
        axis = axis_of(self, self.axis, first.rank)
        for value in self.values:
            type = value.type
            self.check(type.dtype == first.dtype, f"{value!r} is joined to {first}")
            fits = type.rank == first.rank and all(
                a == b or i == axis
                for i, (a, b) in enumerate(zip(type.shape, first.shape, strict=True))
            )
            self.check(fits, f"{value!r} is joined to {first} along axis {axis}")

    def reference(self, values: list[Array]) -> Array:
        return activate(self.fused_activation_function, np.concatenate(values, self.axis))

    @classmethod
    def samples(cls) -> Iterator[Concatenation]:
        for axis, *shapes in (
            (3, (1, 2, 3, 4), (1, 2, 3, 8)),
            (-1, (2, 3, 2, 3), (2, 3, 2, 6), (2, 3, 2, 1)),
            (1, (1, 2, 3, 5), (1, 4, 3, 5)),
            (0, (2, 3), (1, 3)),
            (2, (2, 1, 4), (2, 1, 1)),
            (0, (3,)),
        ):
            values = [Value(TensorType("f32", s), f"x{i}") for i, s in enumerate(shapes)]
            yield cls(values=tuple(values), axis=axis)
        yield cls(values=tuple(values), axis=0, fused_activation_function="RELU6")
