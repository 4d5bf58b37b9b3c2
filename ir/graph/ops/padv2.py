"""Adds a border of a given number."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.pad import SAMPLE_WIDTHS, sample_operands
from tflgpuc.ir.graph.padding import Padding
from tflgpuc.ir.graph.types import TensorType


class Padv2(Padding, name="tfl.padv2", tflite="PADV2"):
    """``input`` amid copies of ``constant_values``, which is one number."""

    constant_values: Value

    def verify(self) -> None:
        super().verify()
        given = self.constant_values.type
        self.check(given.size == 1, f"constant_values is {given}, not one number")
        self.check(given.dtype == self.input.type.dtype, f"{given} around {self.input.type}")

    def reference(self, input: Array, paddings: Array, constant_values: Array) -> Array:
        return np.pad(input, self.widths, constant_values=constant_values.reshape(()))

    @classmethod
    def samples(cls) -> Iterator[Padv2]:
        value = Constant(data=np.array([-1.5], np.float32), type=TensorType("f32", (1,))).result
        for widths in SAMPLE_WIDTHS:
            x, paddings = sample_operands(widths)
            yield cls(input=x, paddings=paddings, constant_values=value)
