"""L2_POOL_2D."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.activation import activate
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.pooling import Pooling, window_counts
from tflgpuc.ir.graph.spatial import taps


class L2Pool2D(Pooling, name="tfl.l2_pool_2d", tflite="L2_POOL_2D"):
    """The root of the mean square of the input elements in each window."""

    def reference(self, input: Array) -> Array:
        total = sum((tap * tap for _, _, tap in taps(self, input)), np.float32(0))
        made = np.sqrt(total / window_counts(self))
        return activate(self.fused_activation_function, made.astype(input.dtype))
