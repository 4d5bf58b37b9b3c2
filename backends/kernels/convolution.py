"""Convolutions: each invocation computes a tile of pixels x slices in registers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tflgpuc.backends.kernels import runtime_weights
from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.separable import separable
from tflgpuc.backends.kernels.sliding import TRUE, Columns, slice_grid
from tflgpuc.backends.kernels.sums import (
    Accumulators,
    bias_data,
    constant_weights,
    filter_of,
    zero_lanes,
)
from tflgpuc.backends.kernels.variants import Plan
from tflgpuc.backends.kernels.view import ZERO, At, View
from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.fully_connected import FullyConnected
from tflgpuc.ir.graph.spatial import window
from tflgpuc.ir.shader import I32, Expr, call, const
from tflgpuc.ir.target import Tile


def plain_weights(op: FullyConnected) -> str | None:
    """Weights and bias have to be constants, in TFLite's plain order."""
    if not constant_weights(op):
        return "its weights or bias are computed at run time"
    return None if op.weights_format == "DEFAULT" else f"its weights are {op.weights_format}"


@kernel(
    FullyConnected,
    requires=plain_weights,
    tiled="slices",
    lanes=zero_lanes,
    quantised="weights",
    row_major=True,
)
def fully_connected(op: FullyConnected, c: Context) -> Built:
    """A fully connected layer is a pointwise convolution over its rows."""
    return pointwise(c, c.view(op.input), op.weights, bias_data(op.bias))


@kernel(Conv2D, tiled="slices", lanes=zero_lanes, quantised="filter", row_major=True)
def conv_2d(op: Conv2D, c: Context) -> Built:
    """A convolution; 1x1 ones without padding count pixels, not rows."""
    if not constant_weights(op) or not whole_groups(op):
        return runtime_weights.conv_2d(op, c)
    if isinstance(c.variant, Plan):
        return separable(op, c)
    if op.groups > 1:
        # A tile of several slices could belong to several groups.
        c.tile = Tile(c.tile.pixels, 1)
    x = c.view(op.input)
    bias = bias_data(op.bias)
    unit = op.filter.type.shape[1:3] == (1, 1) and (op.stride_h, op.stride_w) == (1, 1)
    if unit and op.groups == 1 and window(op) == (0, 0, 0, 0):
        return pointwise(c, x, op.filter, bias)
    return spatial(op, c, x, bias)


def whole_groups(op: Conv2D) -> bool:
    """Whether no slice, read or written, belongs to two groups."""
    per_group = op.filter.type.shape[3]
    out = op.filter.type.shape[0] // op.groups
    return op.groups == 1 or (per_group % 4 == 0 and out % 4 == 0)


def pointwise(c: Context, x: View, weights: Value, bias: NDArray[np.float32] | None) -> Built:
    """A 1x1 convolution: every pixel by itself. Weights of three axes have one filter a batch."""
    k, pixels, slices = c.k, c.tile.pixels, c.tile.slices
    n, h, w, _ = c.output.shape
    plane, out_slices = h * w, c.output.slices
    padded = -(-out_slices // slices) * slices
    filter = filter_of(c, weights, padded)
    biases = c.constants.channels(bias, padded * 4)

    pixel = k.let("pixel", k.gid(0) * pixels)
    tile = k.gid(1)
    slice = k.let("slice", tile * slices)
    batch = k.let("batch", k.gid(2))
    with k.when((pixel < plane) & (slice < out_slices) & (batch < n)):
        acc = Accumulators(c, slice, filter, biases)
        with k.loop("i", x.slices) as i:
            source = i if n == 1 else batch * x.slices + i
            values = []
            for p in range(pixels):
                at = call("min", pixel + p, plane - 1) if plane % pixels and p else pixel + p
                value = _pixel(x, batch, source, at, i)
                if x.lanes == "any":
                    value = x.mask(value, i, 0.0)
                values.append(k.let(f"x{p}", value))
            block = batch * (padded // slices) + tile if weights.type.rank == 3 else tile
            acc.accumulate(values, block * x.slices + i, min(4, x.shape[3]))
        for p, s, value in acc.results():
            inside = TRUE
            if p and plane % pixels:
                inside = inside & (pixel + p < plane)
            if s and out_slices % slices:
                inside = inside & (slice + s < out_slices)
            with k.when(inside):
                c.store(At.linear(c.output.shape, batch, pixel + p, slice + s), value)
    return c.done((-(-plane // pixels), padded // slices, n))


def _pixel(x: View, batch: Expr, plane: Expr, pixel: Expr, slice: Expr) -> Expr:
    """The vec4 of a pixel by its number; ``plane`` is the number of its slice among all batches'."""
    if x.computed:
        return x.read(At.linear(x.shape, batch, pixel, slice))
    if x.layout == "phwc4":
        return x.buffer[plane * (x.shape[1] * x.shape[2]) + pixel + x.base]
    return x.load(batch, const(0, I32), pixel, slice)


def spatial(
    op: Conv2D,
    c: Context,
    x: View,
    bias: NDArray[np.float32] | None,
) -> Built:
    """A convolution of any window, stride and dilation."""
    k, pixels, slices = c.k, c.tile.pixels, c.tile.slices
    w = c.output.shape[2]
    kh, kw = op.filter.type.shape[1:3]
    top, bottom, left, right = window(op)
    out_slices = c.output.slices
    padded = -(-out_slices // slices) * slices
    filter = filter_of(c, op.filter, padded)
    biases = c.constants.channels(bias, padded * 4)
    place, grid = slice_grid(c, pixels, slices)
    with k.when(place.inside):
        acc = Accumulators(c, place.slice, filter, biases)
        columns = Columns(c, x, place.column, op.stride_w, left, right, w % pixels != 0)
        depth = op.filter.type.shape[3]
        in_slices = -(-depth // 4)
        first: Expr = ZERO
        if op.groups > 1:
            first = k.let("first", place.slice // (out_slices // op.groups) * in_slices)
        with k.loop("ky", kh) as ky:
            y = k.let("y", place.row * op.stride_h + ky * op.dilation_h_factor - top)
            with k.when(columns.row_inside(y, top, bottom)), k.loop("kx", kw) as kx:
                reads = [columns.at(p, kx * op.dilation_w_factor) for p in range(pixels)]
                with k.loop("i", in_slices) as i:
                    values = []
                    for p, (at, inside) in enumerate(reads):
                        value = columns.kept(x.read_clean(place.batch, y, at, first + i), inside)
                        values.append(k.let(f"x{p}", value))
                    tap = (place.tile * kh + ky) * kw + kx
                    acc.accumulate(values, tap * in_slices + i, min(4, depth))
        for p, s, value in acc.results():
            kept = place.column_inside(p)
            if s and out_slices % slices:
                kept = kept & (place.slice + s < out_slices)
            with k.when(kept):
                c.store(c.at(place.batch, place.row, place.column + p, place.slice + s), value)
    return c.done(grid)
