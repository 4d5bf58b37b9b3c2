"""Depthwise convolutions: each invocation computes a run of pixels of one slice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tflgpuc.backends.kernels import runtime_weights
from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.convolution import bias_data, constant_weights, zero_lanes
from tflgpuc.backends.kernels.sliding import Columns, slice_grid
from tflgpuc.backends.kernels.view import View
from tflgpuc.ir.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tflgpuc.ir.graph.spatial import window
from tflgpuc.ir.shader import Expr, call, compose, splat


def weight_rows(filter: NDArray[np.float32]) -> NDArray[np.float32]:
    """A [1, kh, kw, channels] filter as rows of four channels: [slice][ky][kx], zero padded."""
    _, kh, kw, channels = filter.shape
    slices = -(-channels // 4)
    padded = np.zeros((kh, kw, slices * 4), np.float32)
    padded[..., :channels] = filter[0]
    blocked = padded.reshape(kh, kw, slices, 4).transpose(2, 0, 1, 3)
    return np.ascontiguousarray(blocked).reshape(-1, 4)


def source_vec4(
    op: DepthwiseConv2D, x: View, batch: Expr, row: Expr, column: Expr, slice: Expr
) -> Expr:
    """The input channels that the four output channels of a slice are made of."""
    multiplier, channels = op.multiplier, x.shape[3]
    if multiplier == 1:
        return x.read_clean(batch, row, column, slice)
    if channels == 1:
        return splat(x.load(batch, row, column, slice * 0).lane(0), 4)
    if multiplier % 4 == 0:
        return splat(x.read_channel(batch, row, column, slice // (multiplier // 4)), 4)
    lanes = [call("min", (slice * 4 + i) // multiplier, channels - 1) for i in range(4)]
    return compose(*(x.read_channel(batch, row, column, c) for c in lanes))


@kernel(DepthwiseConv2D, tiled=True, lanes=zero_lanes, row_major=True)
def depthwise_conv_2d(op: DepthwiseConv2D, c: Context) -> Built:
    """A depthwise convolution of any window, stride, dilation and multiplier."""
    if not constant_weights(op):
        return runtime_weights.depthwise_conv_2d(op, c)
    k, pixels = c.k, c.tile.pixels
    w, channels = c.output.shape[2:]
    x = c.view(op.input)
    kh, kw = op.kernel
    top, bottom, left, right = window(op)
    weights = c.constants.add(weight_rows(np.asarray(op.filter.static("filter"), np.float32)))
    biases = c.constants.channels(bias_data(op.bias), channels)

    place = slice_grid(c, pixels)
    with k.when(place.inside):
        bias = k.let("bias", biases(place.slice))
        acc = [k.var(f"acc{p}", bias) for p in range(pixels)]
        columns = Columns(c, x, place.column, op.stride_w, left, right, w % pixels != 0)
        with k.loop("ky", kh) as ky:
            y = k.let("y", place.row * op.stride_h + ky * op.dilation_h_factor - top)
            with k.when(columns.row_inside(y, top, bottom)), k.loop("kx", kw) as kx:
                tap = (place.slice * kh + ky) * kw + kx
                weight = k.let("weight", c.constants.row(tap + weights))
                for p in range(pixels):
                    at, inside = columns.at(p, kx * op.dilation_w_factor)
                    value = source_vec4(op, x, place.batch, y, at, place.slice)
                    k.add(acc[p], columns.kept(value, inside) * weight)
        for p in range(pixels):
            with k.when(place.column_inside(p)):
                c.store(place.at(p), acc[p])
    return c.done(place.grid)
