"""Functions of 16-bit numbers, which TFLite interpolates in tables or computes in fixed point."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.cast import Cast
from tflgpuc.ir.graph.ops.gather import Gather
from tflgpuc.passes.quantized_forms import Forms, real_constant, scaling

# Every i16, and the least of them, which the first entry of a table is for.
COUNT, LEAST = 1 << 16, -(1 << 15)
SEGMENTS = 512
Function = Callable[[Array], Array]


def looked_up(op: Op, input: Value, forms: Forms, table: Array) -> Value:
    """``table[q - LEAST]`` of each integer q of ``input``."""
    shift = scaling(input.type).zero_point[0] - LEAST
    place = Add(lhs=forms.steps(input), rhs=real_constant(shift)).result
    index = Cast(input=place, out_data_type="INT32").result
    return Gather(params=real_constant(table), indices=index, names=op.names[:1]).result


def interpolated(
    function: Function, given: tuple[float, int], made: tuple[float, int]
) -> Array:
    """TFLite's table of a function for each i16: integers with the scale and zero point ``made``.

    It has 513 entries over the range that ``given`` has, f32 throughout; each is moved by half the
    error that interpolation makes in the middle of its segment.
    """
    f32 = np.float32
    scale, zero = f32(given[0]), given[1]
    low, high = scale * f32(LEAST - zero), scale * f32(-LEAST - 1 - zero)
    out_low, out_high = (f32(made[0]) * f32(n - made[1]) for n in (LEAST, -LEAST - 1))
    inverse = f32(COUNT) / f32(out_high - out_low)
    step = f32(high - low) / f32(SEGMENTS)
    at = (low + np.arange(SEGMENTS, dtype=f32) * step).astype(f32)
    after = (low + np.arange(1, SEGMENTS + 1, dtype=f32) * step).astype(f32)
    value, middle, end = (
        np.asarray(function(x), f32) * inverse for x in (at, (at + step / 2).astype(f32), after)
    )
    error = away((end + away(value)) / 2) - away(middle)
    entries = np.append(away(value) - away(error / 2), away(function(high) * inverse))
    entries = np.clip(np.nan_to_num(entries, nan=0), LEAST, -LEAST - 1).astype(np.int64)
    place = np.arange(COUNT)
    base, slope = entries[place >> 7], np.diff(entries)[place >> 7]
    return np.asarray(base + ((slope * (place & 127) + 64) >> 7))


def away(x: Array) -> Array:
    """The nearest integers, halves away from 0."""
    return np.asarray(np.sign(x) * np.floor(np.abs(x) + 0.5))
