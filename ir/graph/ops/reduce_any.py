"""REDUCE_ANY."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.reduction import Reduction
from tflgpuc.ir.graph.types import DType


class ReduceAny(Reduction, name="tfl.reduce_any", tflite="REDUCE_ANY"):
    """Whether any element along the axes is true."""

    sampled: ClassVar[DType] = "bool"

    def verify(self) -> None:
        super().verify()
        self.check(self.input.type.dtype == "bool", f"input must be bool, not {self.input.type}")

    def reference(self, input: Array, axis: Array) -> Array:
        return np.asarray(np.any(input, axis=self.axes, keepdims=self.keep_dims))
