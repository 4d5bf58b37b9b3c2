"""The Gaussian error linear unit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Self

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call

TANH_SCALE = math.sqrt(2 / math.pi)


class Gelu(Unary, name="tfl.gelu", tflite="GELU"):
    """x times the normal distribution at x; ``approximate`` has it through tanh."""

    approximate: bool = False

    def expr(self, x: Expr) -> Expr:
        if self.approximate:
            cubic = x * x * x * 0.044715 + x
            return x * 0.5 * (call("tanh", cubic * TANH_SCALE) + 1.0)
        return x * 0.5 * (call("erf", x * math.sqrt(0.5)) + 1.0)

    def reference(self, x: Array) -> Array:
        if self.approximate:
            bell = np.tanh((x * x * x * 0.044715 + x) * TANH_SCALE)
        else:
            bell = np.asarray(np.frompyfunc(math.erf, 1, 1)(x * math.sqrt(0.5)))
        return np.asarray(x * 0.5 * (bell.astype(x.dtype) + 1), x.dtype)

    @classmethod
    def samples(cls) -> Iterator[Self]:
        for sample in super().samples():
            yield replace(sample, approximate=True)
            yield replace(sample, approximate=False)
