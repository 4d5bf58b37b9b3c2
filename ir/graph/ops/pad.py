"""Adds a border of zeros."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.padding import Padding, Widths
from tflgpuc.ir.graph.types import TensorType

SAMPLE_WIDTHS: tuple[Widths, ...] = (
    ((0, 0), (1, 2), (2, 1), (0, 0)),
    ((0, 0), (0, 0), (0, 1), (3, 2)),
    ((1, 0), (0, 0), (1, 1), (0, 4)),
    ((1, 2), (0, 3)),
    ((2, 1),),
)


class Pad(Padding, name="tfl.pad", tflite="PAD"):
    """``input`` amid zeros; quantised tensors get their zero point."""

    def reference(self, input: Array, paddings: Array) -> Array:
        quantization = self.input.type.quantization
        zero = quantization.zero_point[0] if quantization else 0
        return np.pad(input, self.widths, constant_values=zero)

    @classmethod
    def samples(cls) -> Iterator[Pad]:
        for widths in SAMPLE_WIDTHS:
            x, paddings = sample_operands(widths)
            yield cls(input=x, paddings=paddings)


def sample_operands(widths: Widths) -> tuple[Value, Value]:
    """An input and the constant ``paddings`` for it."""
    data = np.array(widths, np.int32)
    paddings = Constant(data=data, type=TensorType("i32", data.shape), names=("paddings",))
    shape = (2, 4, 5, 6)[-len(widths) :]
    return Value(TensorType("f32", shape), "x"), paddings.result
