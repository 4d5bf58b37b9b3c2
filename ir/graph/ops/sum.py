"""SUM."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.reduction import Reduction


class Sum(Reduction, name="tfl.sum", tflite="SUM"):
    """The sum along the axes, in the input's element type."""

    def reference(self, input: Array, axis: Array) -> Array:
        return np.asarray(np.sum(input, axis=self.axes, keepdims=self.keep_dims, dtype=input.dtype))
