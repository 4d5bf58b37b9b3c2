"""ARG_MAX."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.arg_reduction import ArgReduction
from tflgpuc.ir.graph.op import Array


class ArgMax(ArgReduction, name="tfl.arg_max", tflite="ARG_MAX"):
    """The place along the axis of the first of the greatest elements."""

    def reference(self, input: Array, axis: Array) -> Array:
        if np.issubdtype(input.dtype, np.floating):
            return self.first_extreme(input, -np.inf)
        return np.asarray(np.argmax(input, self.along))
