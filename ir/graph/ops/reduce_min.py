"""REDUCE_MIN."""

from __future__ import annotations

from typing import Any

import numpy as np

from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.reduction import Reduction


class ReduceMin(Reduction, name="tfl.reduce_min", tflite="REDUCE_MIN"):
    """The smallest element along the axes."""

    def reference(self, input: Array, axis: Array) -> Array:
        # NumPy's type stubs know of one axis only.
        fold: Any = np.fmin.reduce
        return np.asarray(fold(input, axis=self.axes, keepdims=self.keep_dims))
