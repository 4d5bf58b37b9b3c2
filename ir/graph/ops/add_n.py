"""The sum of any number of tensors."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator

from tflgpuc.ir.graph.elementwise import Elementwise
from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.shader import Expr


class AddN(Elementwise, name="tfl.add_n", tflite="ADD_N"):
    """The sum of ``inputs``, which are all of one type."""

    inputs: tuple[Value, ...]

    def verify(self) -> None:
        super().verify()
        self.check(len(self.inputs) > 0, "there is nothing to add")
        first = self.inputs[0].type
        for value in self.inputs:
            same = (value.type.dtype, value.type.shape) == (first.dtype, first.shape)
            self.check(same, f"{value!r} is added to {first}")

    def expr(self, *inputs: Expr) -> Expr:
        return functools.reduce(operator.add, inputs)

    def reference(self, inputs: list[Array]) -> Array:
        return functools.reduce(operator.add, inputs)

    @classmethod
    def samples(cls) -> Iterator[AddN]:
        for count, shape in ((1, (3,)), (2, (2, 3, 2, 5)), (4, (1, 3, 7))):
            values = [Value(TensorType("f32", shape), f"x{i}") for i in range(count)]
            yield cls(inputs=tuple(values))
