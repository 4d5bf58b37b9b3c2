"""REDUCE_ALL."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.reduction import Reduction
from tflgpuc.ir.graph.types import DType


class ReduceAll(Reduction, name="tfl.reduce_all", tflite="REDUCE_ALL"):
    """Whether all elements along the axes are true."""

    sampled: ClassVar[DType] = "bool"

    def verify(self) -> None:
        super().verify()
        self.check(self.input.type.dtype == "bool", f"input must be bool, not {self.input.type}")

    def reference(self, input: Array, axis: Array) -> Array:
        return np.asarray(np.all(input, axis=self.axes, keepdims=self.keep_dims))
