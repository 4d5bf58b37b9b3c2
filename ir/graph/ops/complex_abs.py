"""COMPLEX_ABS."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.complex import part_of, verify_complex
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType


class ComplexAbs(Op, name="tfl.complex_abs", tflite="COMPLEX_ABS"):
    """The magnitudes of complex numbers."""

    input: Value

    def infer(self) -> TensorType:
        return part_of(self.input.type)

    def verify(self) -> None:
        verify_complex(self, self.input)

    def reference(self, input: Array) -> Array:
        return np.abs(input)

    @classmethod
    def samples(cls) -> Iterator[ComplexAbs]:
        yield cls(input=runtime(2, 3, dtype="c64"))
