"""MEAN."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.reduction import Reduction


class Mean(Reduction, name="tfl.mean", tflite="MEAN"):
    """The mean along the axes; that of integers is rounded towards zero."""

    def reference(self, input: Array, axis: Array) -> Array:
        floating = np.issubdtype(input.dtype, np.floating)
        total = np.sum(
            input,
            axis=self.axes,
            keepdims=self.keep_dims,
            dtype=input.dtype if floating else np.int64,
        )
        made = total / total.dtype.type(self.count)
        return np.asarray(made if floating else np.trunc(made)).astype(input.dtype)
