"""The reciprocal square root."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call


class Rsqrt(Unary, name="tfl.rsqrt", tflite="RSQRT"):
    """1 / sqrt(x)."""

    domain: ClassVar[tuple[float, float]] = (0.1, 8.0)
    total: ClassVar[bool] = False

    def expr(self, x: Expr) -> Expr:
        return call("rsqrt", x)

    def reference(self, x: Array) -> Array:
        return 1 / np.sqrt(x)
