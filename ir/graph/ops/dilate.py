"""DILATE."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import TensorType


class Dilate(Op, name="tfl.dilate", tflite="DILATE"):
    """``input`` with its elements ``dilations`` apart along each axis, and one number in between."""

    input: Value
    dilations: Value
    padding_value: Value

    @property
    def steps(self) -> tuple[int, ...]:
        """The distance of two elements along each axis."""
        return static_ints(self.dilations, "dilations")

    def infer(self) -> TensorType:
        sizes = zip(self.input.type.shape, self.steps, strict=True)
        return TensorType(self.input.type.dtype, tuple(max(0, (n - 1) * s + 1) for n, s in sizes))

    def verify(self) -> None:
        input, given, value = self.input.type, self.dilations.type, self.padding_value.type
        self.check(given.shape == (input.rank,), f"dilations are {given} for {input}")
        self.check(min((1, *self.steps)) >= 1, f"dilations of {self.steps}")
        fits = value.size == 1 and value.dtype == input.dtype
        self.check(fits, f"{input} is dilated with {value}")

    def reference(self, input: Array, dilations: Array, padding_value: Array) -> Array:
        made = np.full(self.result.type.shape, padding_value.reshape(()), input.dtype)
        made[tuple(slice(None, None, s) for s in self.steps)] = input
        return made

    @classmethod
    def samples(cls) -> Iterator[Dilate]:
        value = constant(np.array(-1, np.float32), "value")
        for shape, steps in (((2, 3), (2, 1)), ((1, 3, 4, 5), (1, 2, 3, 1)), ((4,), (3,))):
            dilations = constant(steps, "dilations")
            yield cls(input=runtime(*shape), dilations=dilations, padding_value=value)
