"""A ReLU that leaks below zero."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Self

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, select


class LeakyRelu(Unary, name="tfl.leaky_relu", tflite="LEAKY_RELU"):
    """x, or alpha * x below zero."""

    alpha: float = 0.0

    def expr(self, x: Expr) -> Expr:
        return select(x > 0.0, x, x * self.alpha)

    def reference(self, x: Array) -> Array:
        return np.where(x > 0, x, x * x.dtype.type(self.alpha))

    @classmethod
    def samples(cls) -> Iterator[Self]:
        for sample in super().samples():
            yield replace(sample, alpha=0.1)
        yield replace(sample, alpha=-2.0)
