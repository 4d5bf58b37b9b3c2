"""Functions of 16-bit numbers, which TFLite interpolates in tables or computes in fixed point.

A table of every i16 gives the same integers, which no float arithmetic does.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tflgpuc.ir.graph.op import Array, NotStatic, Op, Value
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.cast import Cast
from tflgpuc.ir.graph.ops.gather import Gather
from tflgpuc.ir.graph.types import Quantization
from tflgpuc.passes.fixed_point import fixed_logistic, fixed_tanh, saturated
from tflgpuc.passes.quantized_forms import Forms, real_constant, scaling

COUNT, LEAST, MOST = 1 << 16, -(1 << 15), (1 << 15) - 1
SEGMENTS = 512
Function = Callable[[Array], Array]


def looked_up(steps: Value, zero: int, table: Array, names: tuple[str, ...] = ()) -> Value:
    """``table[q - LEAST]`` of each integer q = steps + zero."""
    place = Add(lhs=steps, rhs=real_constant(zero - LEAST)).result
    index = Cast(input=place, out_data_type="INT32").result
    return Gather(params=real_constant(table), indices=index, names=names).result


def tabled(op: Op, forms: Forms) -> tuple[Value, ...]:
    """A unary op on i16 by its table; raises NotStatic for ops that TFLite has no such kernel for."""
    (input,) = op.operands
    given, made = scaling(input.type), scaling(op.result.type)
    match op.name:
        case "tfl.logistic" | "tfl.tanh":
            table = sigmoid(given.scale[0], op.name == "tfl.tanh")
        case "tfl.exp" | "tfl.gelu" | "tfl.log" | "tfl.rsqrt":
            table = interpolated(function_of(op, made), given, made) - made.zero_point[0]
        case _:
            raise NotStatic(f"no table of {op.name}")
    zero = given.zero_point[0]
    return (looked_up(forms.steps(input), zero, table, op.names[:1]),)


def function_of(op: Op, made: Quantization) -> Function:
    """The op as a function of floats; where it isn't defined, TFLite has the end of the range."""
    zero, scale = made.zero_point[0], np.float32(made.scale[0])
    ends = {
        "tfl.log": scale * np.float32(LEAST - zero),
        "tfl.rsqrt": scale * np.float32(MOST - zero),
    }

    def function(x: Array) -> Array:
        with np.errstate(all="ignore"):
            value = np.asarray(op.reference(np.asarray(x, np.float32)))
        return np.asarray(np.where(x <= 0, ends[op.name], value)) if op.name in ends else value

    return function


def interpolated(function: Function, given: Quantization, made: Quantization) -> Array:
    """TFLite's table of a function for each i16: integers of the scale and zero point ``made``.

    It has 513 entries over the range of ``given``, f32 throughout; each is moved by half the error
    that interpolation makes in the middle of its segment.
    """
    f32 = np.float32
    low, high = (f32(given.scale[0]) * f32(n - given.zero_point[0]) for n in (LEAST, MOST))
    out_low, out_high = (f32(made.scale[0]) * f32(n - made.zero_point[0]) for n in (LEAST, MOST))
    inverse = f32(COUNT) / f32(out_high - out_low)
    step = f32(high - low) / f32(SEGMENTS)
    start = low + np.arange(SEGMENTS + 1, dtype=f32) * step
    with np.errstate(over="ignore"):
        value, middle, end = (
            np.asarray(function(np.asarray(x, f32)), f32) * inverse
            for x in (start[:-1], start[:-1] + step / 2, start[1:])
        )
    error = away((end + away(value)) / 2) - away(middle)
    last = away(np.asarray(function(np.asarray(high))) * inverse)
    entries = np.clip(np.append(away(value) - away(error / 2), last), LEAST, MOST).astype(np.int64)
    place = np.arange(COUNT)
    base, slope = entries[place >> 7], np.diff(entries)[np.minimum(place >> 7, SEGMENTS - 1)]
    return np.asarray(base + ((slope * (place & 127) + 64) >> 7))


def away(x: Array) -> Array:
    """The nearest integers, halves away from 0; 0 for what isn't a number."""
    return np.asarray(np.nan_to_num(np.sign(x) * np.floor(np.abs(x) + 0.5)))


def sigmoid(scale: float, tanh: bool) -> Array:
    """LOGISTIC or TANH of every i16, in steps of 2**-15.

    For scales of 2**-12, and 2**-11 for TANH, TFLite has a fixed-point kernel; otherwise it looks up
    a table of the sigmoid at multiples of 1/24, which this is within a step of.
    """
    q = np.arange(LEAST, MOST + 1)
    if scale == 2.0**-12:
        return fixed_tanh(q) if tanh else fixed_logistic(q)
    if tanh and scale == 2.0**-11:
        return fixed_tanh(saturated(q * 2))
    factor, shift = scale * 4096 * 3, 0
    if not 0 < factor < MOST:
        raise NotStatic(f"a scale of {scale}")
    while factor <= MOST / 2 and shift <= 30:
        factor, shift = factor * 2, shift + 1
    steps = (q * int(factor) + ((1 << shift) >> 1)) >> shift
    # TANH at x is the sigmoid at 2 x, less a half, twice, so it goes through the table twice as fast.
    bits = 8 if tanh else 9
    known = np.round((1 << 16) / (1 + np.exp(-np.arange(257) / 24))).astype(np.int64)
    place, within = np.abs(steps) >> bits, np.abs(steps) & ((1 << bits) - 1)
    base, slope = (a[np.minimum(place, 255)] for a in (known, np.diff(known)))
    value = (base << bits) + slope * within
    value = np.where(place >= 255, ((1 << 16) - (1 if tanh else 2)) << bits, value)
    if tanh:
        made = (value - (1 << 23) + (1 << 7)) >> 8
        return np.asarray(np.where(steps >= 0, made, -made))
    made = (value + (1 << 9)) >> 10
    return np.asarray(np.where(steps >= 0, made, (1 << 15) - made))


def exponents(scale: float, beta: float) -> Array:
    """exp(beta * scale * (q - MOST)) for every i16 q, as TFLite's 16-bit SOFTMAX has it, in 2**-15.

    Differences are counted in 65535ths of 10, which is as far as TFLite's table goes.
    """
    finest = 10 / 65535
    table = interpolated(
        lambda x: np.exp(x), Quantization((finest,), (MOST,)), Quantization((2 / 65535,), (0,))
    )
    places = np.arange(COUNT) + LEAST - MOST
    steps = np.floor(np.asarray(places * (scale * beta / finest)) + 0.5)
    index = np.clip(steps + MOST, LEAST, MOST).astype(np.int64) - LEAST
    return np.asarray(table[index] / math.ldexp(1, 15))
