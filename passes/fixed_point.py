"""Sigmoid and hyperbolic tangent of 16-bit numbers in the fixed point of TFLite's kernels.

Their errors are of several units in the last place, so only the same arithmetic gives the same
numbers. Arrays hold integers: n integer bits leave 15 - n for the fraction.
"""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.op import Array

ONE = (1 << 15) - 1
# Inputs have this many integer bits.
INPUT_BITS = 3


def fixed_logistic(x: Array) -> Array:
    """The sigmoid of numbers with 3 integer bits, without integer bits."""
    positive = reciprocal(exp_of_negative(-np.abs(x), INPUT_BITS))
    made = np.where(x > 0, positive, ONE - positive)
    return np.asarray(np.where(x == 0, 1 << 14, made))


def fixed_tanh(x: Array) -> Array:
    """The hyperbolic tangent of numbers with 3 integer bits, without integer bits."""
    # Twice the number is the same integer with one more integer bit.
    e = exp_of_negative(-np.abs(x), INPUT_BITS + 1)
    inverse = inverse_of_half_sum(e)
    return np.asarray(np.sign(x) * saturated((inverse - (1 << 13)) << 2))


def saturated(x: Array) -> Array:
    """``x`` in the range of i16."""
    return np.asarray(np.clip(x, -(1 << 15), ONE))


def product(a: Array | int, b: Array | int) -> Array:
    """The product of numbers without integer bits, halves up."""
    return saturated((np.asarray(a, np.int64) * b + (1 << 14)) >> 15)


def divided(x: Array, bits: int) -> Array:
    """``x`` / 2**bits, halves away from 0."""
    half = 1 << (bits - 1)
    return np.asarray(np.sign(x) * ((np.abs(x) + half) >> bits))


def exp_of_last_quarter(x: Array) -> Array:
    """Exp of numbers from -1/4 to 0, without integer bits: a Taylor series around -1/8."""
    x = x + (1 << 12)
    square = product(x, x)
    cube, fourth = product(square, x), product(square, square)
    tail = divided(product(divided(fourth, 2) + cube, 10923) + square, 1)
    return saturated(28918 + product(28918, x + tail))


def exp_of_negative(x: Array, bits: int) -> Array:
    """Exp of numbers up to 0 with ``bits`` integer bits; the result has none."""
    quarter = 1 << (15 - bits - 2)
    last = (x & (quarter - 1)) - quarter
    made = exp_of_last_quarter(last << bits)
    left = last - x
    for power in range(-2, bits):
        factor = round(float(np.exp(-(2.0**power))) * (1 << 15))
        made = np.where(left & (1 << (15 - bits + power)), product(made, factor), made)
    return np.asarray(np.where(x == 0, ONE, made))


def inverse_of_half_sum(x: Array) -> Array:
    """2 / (1 + x), with 2 integer bits, by three steps of Newton's from a straight line."""
    half = (x + ONE + 1) >> 1
    made = 23130 + product(half, -15420)
    for _ in range(3):
        error = (1 << 13) - product(half, made)
        made = made + saturated(product(made, error) << 2)
    return made


def reciprocal(x: Array) -> Array:
    """1 / (1 + x) of numbers without integer bits."""
    return saturated(inverse_of_half_sum(x) << 1)
