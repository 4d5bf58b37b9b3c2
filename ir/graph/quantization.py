"""Affine quantisation in NumPy and in shaders: ranges, scales, and what becomes of halves."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.types import NUMPY, DType, Quantization
from tflgpuc.ir.shader import Expr, call

Ties = Literal["away", "even", "up"]
TIES: tuple[Ties, ...] = ("away", "even", "up")
# Of numbers that go away or up, halves are told apart at this many times the fineness of integers:
# a float that would be a half but for f32's error is taken for one, as in integer arithmetic.
GRID = 4096.0


def limits(dtype: DType) -> tuple[int, int]:
    """The least and the greatest number of an integer type."""
    kind, bits = NUMPY[dtype].kind, 8 * NUMPY[dtype].itemsize
    return (0, (1 << bits) - 1) if kind == "u" else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def per_axis(quantization: Quantization | None) -> bool:
    """Whether there is more than one scale."""
    return quantization is not None and len(quantization.scale) > 1


def spread(quantization: Quantization, rank: int) -> tuple[Array, Array]:
    """Scales (f32) and zero points (i64) in a shape that broadcasts against ``rank`` axes."""
    scale = np.array(quantization.scale, np.float32)
    zero = np.array(quantization.zero_point or (0,), np.int64)
    if scale.size == 1:
        return scale.reshape(()), zero[:1].reshape(())
    view = [1] * rank
    view[quantization.axis] = -1
    return scale.reshape(view), np.resize(zero, scale.size).reshape(view)


def inverse(scale: float) -> float:
    """What to multiply with to divide by ``scale``, an f32."""
    return float(np.float32(1) / np.float32(scale))


def rounded(t: Array, ties: Ties) -> Array:
    """The nearest integers, as f32. Only ties to even are exact, for they come of float arithmetic."""
    if ties == "even":
        return np.asarray(np.round(t), np.float32)
    grid, half = np.float32(GRID), np.float32(0.5)
    fine = np.asarray(np.round(np.asarray(t, np.float32) * grid) / grid, np.float32)
    if ties == "up":
        return np.asarray(np.floor(fine + half))
    return np.asarray(np.sign(fine) * np.floor(np.abs(fine) + half))


def rounded_expr(t: Expr, ties: Ties) -> Expr:
    """What ``rounded`` does, in a shader."""
    if ties == "even":
        return call("round_even", t)
    fine = call("round_even", t * GRID) * (1 / GRID)
    if ties == "up":
        return call("floor", fine + 0.5)
    return call("sign", fine) * call("floor", call("abs", fine) + 0.5)
