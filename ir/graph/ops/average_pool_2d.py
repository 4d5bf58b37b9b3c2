"""AVERAGE_POOL_2D."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.activation import activate
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.pooling import Pooling, window_counts
from tflgpuc.ir.graph.spatial import taps


class AveragePool2D(Pooling, name="tfl.average_pool_2d", tflite="AVERAGE_POOL_2D"):
    """The mean of the input elements in each window: padding is neither added nor counted."""

    def reference(self, input: Array) -> Array:
        total = sum((tap for _, _, tap in taps(self, input)), np.float32(0))
        made = total / window_counts(self)
        return activate(self.fused_activation_function, made.astype(input.dtype))
