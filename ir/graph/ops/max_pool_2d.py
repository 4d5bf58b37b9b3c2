"""MAX_POOL_2D."""

from __future__ import annotations

import functools

import numpy as np

from tflgpuc.ir.graph.activation import activate
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.pooling import Pooling
from tflgpuc.ir.graph.spatial import taps


class MaxPool2D(Pooling, name="tfl.max_pool_2d", tflite="MAX_POOL_2D"):
    """The largest input element in each window."""

    def reference(self, input: Array) -> Array:
        floating = np.issubdtype(input.dtype, np.floating)
        least = -np.inf if floating else np.iinfo(input.dtype).min
        made = functools.reduce(np.fmax, (tap for _, _, tap in taps(self, input, least)))
        return activate(self.fused_activation_function, made)
