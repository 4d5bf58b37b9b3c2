"""Rounds to the numbers that a quantised tensor of a given range could hold."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call


class FakeQuant(Unary, name="tfl.fake_quant", tflite="FAKE_QUANT"):
    """x as the nearest of 2 ** num_bits numbers from about ``min`` to about ``max``.

    The range is moved so that 0 is one of them, as far as it isn't all on one side of 0. Halves
    go up.
    """

    min: float = 0.0
    max: float = 0.0
    num_bits: int = 8
    narrow_range: bool = False

    def verify(self) -> None:
        super().verify()
        self.check(self.x.type.dtype == "f32", f"{self.x.type.dtype} holds no real numbers")
        self.check(2 <= self.num_bits <= 16, f"{self.num_bits} bits")
        # TFLite refuses it too: it is meant for weights.
        self.check(not self.narrow_range, "narrow_range")
        ordered = math.isfinite(self.min) and math.isfinite(self.max) and self.min < self.max
        self.check(ordered, f"a range from {self.min} to {self.max}")

    @property
    def scaling(self) -> tuple[np.float32, np.float32, np.float32]:
        """The distance of two numbers, the least and the greatest one, computed in f32."""
        least, top = np.float32(self.min), np.float32(2**self.num_bits - 1)
        scale = (np.float32(self.max) - least) / top
        zero = np.clip(np.floor(-least / scale + np.float32(0.5)), np.float32(0), top)
        return scale, -zero * scale, (top - zero) * scale

    def expr(self, x: Expr) -> Expr:
        scale, least, most = (float(n) for n in self.scaling)
        inverse = float(np.float32(1) / np.float32(scale))
        steps = (call("clamp", x, least, most) - least) * inverse
        return call("floor", steps + 0.5) * scale + least

    def reference(self, x: Array) -> Array:
        scale, least, most = self.scaling
        # A NaN becomes the least number.
        inside = np.minimum(most, np.where(x > least, x, least))
        steps = (inside - least) * (np.float32(1) / scale)
        return np.asarray(np.floor(steps + np.float32(0.5)) * scale + least)

    @classmethod
    def samples(cls) -> Iterator[FakeQuant]:
        ranges = ((-1.0, 1.0, 8), (0.0, 6.0, 8), (-3.0, 0.5, 4), (0.5, 2.0, 8), (-1.0, 2.0, 16))
        for sample, (least, most, bits) in zip(super().samples(), ranges, strict=False):
            yield replace(sample, min=least, max=most, num_bits=bits)
