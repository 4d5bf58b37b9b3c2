"""Depthwise convolutions: each invocation computes a patch of pixels of one slice."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tflgpuc.backends.kernels import runtime_weights
from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.sliding import Axis, Columns, Place, slice_grid
from tflgpuc.backends.kernels.sums import bias_data, constant_weights, zero_lanes
from tflgpuc.backends.kernels.view import ZERO4, View
from tflgpuc.ir.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tflgpuc.ir.graph.spatial import window
from tflgpuc.ir.shader import Expr, Name, Operand, call, compose, select, splat


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


# Windows of more taps than this are walked by loops: unrolled they would fill instruction caches.
UNROLLED_TAPS = 25


@kernel(DepthwiseConv2D, tiled="pixels", lanes=zero_lanes, row_major=True)
def depthwise_conv_2d(op: DepthwiseConv2D, c: Context) -> Built:
    """A depthwise convolution of any window, stride, dilation and multiplier."""
    if not constant_weights(op):
        return runtime_weights.depthwise_conv_2d(op, c)
    unrolled = math.prod(op.kernel) <= UNROLLED_TAPS
    place, grid = slice_grid(c, c.tile.pixels, rows=c.tile.rows if unrolled else 1)
    sums = Sums(op, c)
    with c.k.when(place.inside):
        made = patch(sums, place) if unrolled else _looped(sums, place)
        for (r, p), value in made.items():
            with c.k.when(place.row_inside(r) & place.column_inside(p)):
                c.store(place.at(p, r), value)
    return c.done(grid)


Registers = dict[tuple[int, int], Name]


class Sums:
    """What goes into the sums of a depthwise convolution."""

    def __init__(self, op: DepthwiseConv2D, c: Context) -> None:
        self.op, self.c = op, c
        self.x = c.view(op.input)
        data = np.asarray(op.filter.static("filter"), np.float32)
        self.first = c.constants.add(weight_rows(data))
        self.biases = c.constants.channels(bias_data(op.bias), op.result.type.nhwc[3])

    def begin(self, place: Place) -> Registers:
        """Declares the sums of a patch by row and column, each with its bias."""
        bias = self.c.k.let("bias", self.biases(place.slice))
        at = [(r, p) for r in range(place.rows) for p in range(place.pixels)]
        return {
            (r, p): self.c.k.var(f"acc{r}{p}" if place.rows > 1 else f"acc{p}", bias) for r, p in at
        }

    def weight(self, place: Place, ky: Operand, kx: Operand, name: str) -> Expr:
        """The weights of a tap."""
        kh, kw = self.op.kernel
        tap = (place.slice * kh + ky) * kw + kx
        return self.c.k.let(name, self.c.constants.row(tap + self.first))

    def source(self, place: Place, row: Expr, column: Expr) -> Expr:
        """The input at a place."""
        return source_vec4(self.op, self.x, place.batch, row, column, place.slice)


def patch(sums: Sums, place: Place) -> Registers:
    """The sums of a patch, row by row of the input that it needs, each vec4 of it read once.

    Weights that several rows need are read once too where registers are not short.
    """
    op, k = sums.op, sums.c.k
    registers = sums.begin(place)
    top, bottom, left, right = window(op)
    (kh, kw), (_, height, width, _) = op.kernel, sums.x.shape
    _, out_h, out_w, _ = place.shape
    rows = Axis.of(height, (top, bottom), place.rows, out_h, kh, op.stride_h, op.dilation_h_factor)
    columns = Axis.of(
        width, (left, right), place.pixels, out_w, kw, op.stride_w, op.dilation_w_factor
    )
    first_row = k.let("y0", place.row * op.stride_h - top)
    first_column = k.let("x0", place.column * op.stride_w - left)
    at: dict[int, Expr] = {}
    exists: dict[int, Expr] = {}
    for dx in columns.reads:
        at[dx] = k.let(f"column{dx}", first_column + dx)
        if columns.leaves:
            exists[dx] = k.let(f"inside{dx}", columns.inside(at[dx]))
            at[dx] = call("clamp", at[dx], 0, width - 1)
    kept: dict[int, list[Expr]] = {}
    if place.rows > 1 and kh * kw <= 9:
        kept = {
            ky: [sums.weight(place, ky, kx, f"w{ky}{kx}") for kx in range(kw)] for ky in range(kh)
        }
    for dy, pairs in rows.reads.items():
        y = k.let(f"y{dy}", first_row + dy)
        with k.when(rows.inside(y)):
            values = {}
            for dx, column in at.items():
                value = sums.source(place, y, column)
                if dx in exists:
                    value = select(exists[dx], value, ZERO4)
                values[dx] = k.let(f"x{dx}", value)
            for r, ky in pairs:
                weights = kept.get(ky) or [sums.weight(place, ky, kx, f"w{kx}") for kx in range(kw)]
                for dx, uses in columns.reads.items():
                    for p, kx in uses:
                        k.add(registers[r, p], values[dx] * weights[kx])
    return registers


def _looped(sums: Sums, place: Place) -> Registers:
    """The sums of one row, tap by tap."""
    op, c, k = sums.op, sums.c, sums.c.k
    registers = sums.begin(place)
    kh, kw = op.kernel
    top, bottom, left, right = window(op)
    ragged = place.shape[2] % place.pixels != 0
    columns = Columns(c, sums.x, place.column, op.stride_w, left, right, ragged)
    with k.loop("ky", kh) as ky:
        y = k.let("y", place.row * op.stride_h + ky * op.dilation_h_factor - top)
        with k.when(columns.row_inside(y, top, bottom)), k.loop("kx", kw) as kx:
            weight = sums.weight(place, ky, kx, "weight")
            for p in range(place.pixels):
                at, inside = columns.at(p, kx * op.dilation_w_factor)
                value = columns.kept(sums.source(place, y, at), inside)
                k.add(registers[0, p], value * weight)
    return registers
