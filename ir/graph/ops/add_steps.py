"""XNNPACK's sum of two quantised tensors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.elementwise import Elementwise
from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.shader import Expr, call, convert

# Operands are differences of 8-bit integers; more than that, and a sum wouldn't fit 32 bits.
MAX_STEP = 255
MAX_FACTOR = 1 << 22


class AddSteps(Elementwise, name="gpu.add_steps"):
    """(lhs * lhs_factor + rhs * rhs_factor) / 2**shift to the nearest whole number, halves up.

    Operands are whole numbers in f32, of at most 255 either way, and so is the result, which is at
    least ``low`` and at most ``high``. The arithmetic is that of 32-bit integers.
    """

    lhs: Value
    rhs: Value
    lhs_factor: int = 1 << 20
    rhs_factor: int = 1 << 20
    shift: int = 20
    low: int = -128
    high: int = 127

    def verify(self) -> None:
        super().verify()
        for value in self.operands:
            self.check(value.type.dtype == "f32", f"{value!r} is no f32")
        factors = (self.lhs_factor, self.rhs_factor)
        self.check(max(map(abs, factors)) <= MAX_FACTOR, f"factors {factors} are too large")
        self.check(1 <= self.shift <= 30, f"a shift of {self.shift}")
        self.check(self.low <= self.high, f"no number from {self.low} to {self.high}")

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        # Other operands than the declared ones can't be, but padding lanes may hold anything.
        a, b = (convert(call("clamp", v, -MAX_STEP, MAX_STEP), "i32") for v in (lhs, rhs))
        total = a * self.lhs_factor + b * self.rhs_factor + (1 << (self.shift - 1))
        return convert(call("clamp", total >> self.shift, self.low, self.high), "f32")

    def reference(self, lhs: Array, rhs: Array) -> Array:
        a, b = (np.clip(v, -MAX_STEP, MAX_STEP).astype(np.int32) for v in (lhs, rhs))
        total = a * self.lhs_factor + b * self.rhs_factor + (1 << (self.shift - 1))
        return np.asarray(np.clip(total >> self.shift, self.low, self.high), np.float32)

    @classmethod
    def samples(cls) -> Iterator[AddSteps]:
        for a, b in (((1, 4, 3, 5), (1, 4, 3, 5)), ((2, 3, 2, 4), (1, 1, 1, 4)), ((7,), ())):
            lhs, rhs = Value(TensorType("f32", a), "lhs"), Value(TensorType("f32", b), "rhs")
            yield cls(lhs=lhs, rhs=rhs)
            yield cls(lhs=lhs, rhs=rhs, lhs_factor=1_100_000, rhs_factor=-700_001, low=-5, high=9)
