"""ARG_MIN."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.arg_reduction import ArgReduction
from tflgpuc.ir.graph.op import Array


class ArgMin(ArgReduction, name="tfl.arg_min", tflite="ARG_MIN"):
    """The place along the axis of the first of the least elements."""

    def reference(self, input: Array, axis: Array) -> Array:
        if np.issubdtype(input.dtype, np.floating):
            return self.first_extreme(-input, -np.inf)
        return np.asarray(np.argmin(input, self.along))
