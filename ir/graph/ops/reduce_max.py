"""REDUCE_MAX."""

from __future__ import annotations

from typing import Any

import numpy as np

from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.reduction import Reduction


class ReduceMax(Reduction, name="tfl.reduce_max", tflite="REDUCE_MAX"):
    """The largest element along the axes."""

    def reference(self, input: Array, axis: Array) -> Array:
        # NumPy's type stubs know of one axis only.
        fold: Any = np.fmax.reduce
        return np.asarray(fold(input, axis=self.axes, keepdims=self.keep_dims))
