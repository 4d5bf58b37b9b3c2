"""REAL."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.complex import part_of, verify_complex
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType


class Real(Op, name="tfl.real", tflite="REAL"):
    """The real parts of complex numbers."""

    input: Value

    def infer(self) -> TensorType:
        return part_of(self.input.type)

    def verify(self) -> None:
        verify_complex(self, self.input)

    def reference(self, input: Array) -> Array:
        return np.real(input)

    @classmethod
    def samples(cls) -> Iterator[Real]:
        yield cls(input=runtime(2, 3, dtype="c64"))
