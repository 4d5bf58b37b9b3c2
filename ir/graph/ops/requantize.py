"""Rounds to the whole steps that a quantised tensor can hold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.elementwise import Elementwise
from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.quantization import TIES, Ties, rounded, rounded_expr
from tflgpuc.ir.graph.sampling import constant
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.shader import Expr, call


class Requantize(Elementwise, name="gpu.requantize"):
    """The whole number next to ``x * factor``, at least ``low`` and at most ``high``, in f32.

    It is a quantised tensor's q - zero_point; ``factor`` broadcasts. ``ties`` says what becomes of
    halves: they go ``away`` from 0, to the ``even`` number, or ``up``; see ``rounded``.
    """

    x: Value
    factor: Value
    low: int = -128
    high: int = 127
    ties: Ties = "even"

    def verify(self) -> None:
        super().verify()
        for value in self.operands:
            self.check(value.type.dtype == "f32", f"{value!r} is no f32")
        self.check(self.result.type.shape == self.x.type.shape, "factor has more elements than x")
        self.check(self.low <= self.high, f"no number from {self.low} to {self.high}")
        self.check(self.ties in TIES, f"no such way of rounding: {self.ties}")

    def expr(self, x: Expr, factor: Expr) -> Expr:
        steps = rounded_expr(x * factor, self.ties)
        return call("clamp", steps, float(self.low), float(self.high))

    def reference(self, x: Array, factor: Array) -> Array:
        steps = rounded(np.asarray(x * factor), self.ties)
        # What isn't a number becomes the least one.
        return np.asarray(np.clip(np.nan_to_num(steps, nan=self.low), self.low, self.high))

    @classmethod
    def samples(cls) -> Iterator[Requantize]:
        image = Value(TensorType("f32", (1, 4, 3, 5)), "x")
        yield cls(x=image, factor=Value(image.type, "factor"))
        for ties in TIES:
            factor = constant(np.array(4, np.float32), "factor")
            yield cls(x=image, factor=factor, low=-10, high=5, ties=ties)
        each = constant(np.array([4, 8, 16, 2, 1], np.float32), "factor")
        yield cls(x=image, factor=each)
        yield cls(x=Value(TensorType("f32", (7,)), "x"), factor=factor, low=-32768, high=32767)
