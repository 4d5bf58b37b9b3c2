"""REDUCE_PROD."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.reduction import Reduction


class ReduceProd(Reduction, name="tfl.reduce_prod", tflite="REDUCE_PROD"):
    """The product along the axes, in the input's element type."""

    def reference(self, input: Array, axis: Array) -> Array:
        return np.asarray(
            np.prod(input, axis=self.axes, keepdims=self.keep_dims, dtype=input.dtype)
        )
