"""IMAG."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.complex import part_of, verify_complex
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType


class Imag(Op, name="tfl.imag", tflite="IMAG"):
    """The imaginary parts of complex numbers."""

    input: Value

    def infer(self) -> TensorType:
        return part_of(self.input.type)

    def verify(self) -> None:
        verify_complex(self, self.input)

    def reference(self, input: Array) -> Array:
        return np.imag(input)

    @classmethod
    def samples(cls) -> Iterator[Imag]:
        yield cls(input=runtime(2, 3, dtype="c64"))
