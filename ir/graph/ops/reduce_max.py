"""REDUCE_MAX."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.reduction import Reduction


class ReduceMax(Reduction, name="tfl.reduce_max", tflite="REDUCE_MAX"):
    """The largest element along the axes."""

    def reference(self, input: Array, axis: Array) -> Array:
        return np.asarray(np.fmax.reduce(input, axis=self.axes, keepdims=self.keep_dims))
