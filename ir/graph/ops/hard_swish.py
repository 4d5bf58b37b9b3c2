"""Swish in straight lines."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call


class HardSwish(Unary, name="tfl.hard_swish", tflite="HARD_SWISH"):
    """x * relu6(x + 3) / 6."""

    def expr(self, x: Expr) -> Expr:
        return x * call("clamp", x + 3.0, 0.0, 6.0) * (1.0 / 6.0)

    def reference(self, x: Array) -> Array:
        return np.asarray(x * np.clip(x + 3, 0, 6) / 6)
