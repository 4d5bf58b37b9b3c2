"""Convolutions: each invocation computes a tile of pixels x slices in registers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tflgpuc.backends.kernels import runtime_weights
from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.constants import Filter
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.sliding import TRUE, Columns, slice_grid
from tflgpuc.backends.kernels.view import ZERO, ZERO4, At, View
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.fully_connected import FullyConnected
from tflgpuc.ir.graph.spatial import window
from tflgpuc.ir.graph.types import Lanes
from tflgpuc.ir.shader import I32, Expr, Name, call, const
from tflgpuc.ir.target import Tile


def weight_rows(
    filter: NDArray[np.float32], out_slices: int, together: int = 1
) -> NDArray[np.float32]:
    """An OHWI filter as rows of four outputs, zero padded, in the order in which tiles read them:
    [out tile][ky][kx][in slice][out slice][in lane], with ``together`` output slices to a tile.
    """
    o, kh, kw, i = filter.shape
    in_slices, tiles = -(-i // 4), out_slices // together
    padded = np.zeros((out_slices * 4, kh, kw, in_slices * 4), np.float32)
    padded[:o, :, :, :i] = filter
    blocked = padded.reshape(tiles, together, 4, kh, kw, in_slices, 4)
    return np.ascontiguousarray(blocked.transpose(0, 3, 4, 5, 1, 6, 2)).reshape(-1, 4)


def multiply_add(x: Expr, rows: Sequence[Expr]) -> Expr:
    """Input lanes times their rows of weights, summed in lane order."""
    total = x.lane(0) * rows[0]
    for i, row in enumerate(rows[1:], 1):
        total = total + x.lane(i) * row
    return total


def plain_weights(op: FullyConnected) -> str | None:
    """Weights and bias have to be constants, in TFLite's plain order."""
    if not constant_weights(op):
        return "its weights or bias are computed at run time"
    return None if op.weights_format == "DEFAULT" else f"its weights are {op.weights_format}"


def constant_weights(op: Op) -> bool:
    """Whether weights and bias are known."""
    values = (getattr(op, field, None) for field in ("filter", "weights", "bias"))
    return all(v is None or v.constant is not None for v in values)


def zero_lanes(op: object, *operands: Lanes) -> Lanes:
    """Zero weights and bias leave zeros; what the input's lanes hold is masked."""
    return "zero"


def bias_data(bias: Value | None) -> NDArray[np.float32] | None:
    """The bias vector, if there is one."""
    return None if bias is None else np.asarray(bias.static("bias"), np.float32)


class Accumulators:
    """The registers of a tile: one vec4 a pixel and slice, started with the bias."""

    def __init__(
        self, c: Context, slice: Expr, filter: Filter, bias: Callable[[Expr], Expr]
    ) -> None:
        self.tile = [(p, s) for s in range(c.tile.slices) for p in range(c.tile.pixels)]
        self.bias = [c.k.let(f"bias{s}", bias(slice + s)) for s in range(c.tile.slices)]
        late = filter.scales is not None
        self.registers: dict[tuple[int, int], Name] = {
            (p, s): c.k.var(f"acc{p}{s}", ZERO4 if late else self.bias[s]) for p, s in self.tile
        }
        self.c, self.slice, self.filter = c, slice, filter

    def results(self) -> list[tuple[int, int, Expr]]:
        """Each pixel and slice of the tile with its sum."""
        return [
            (p, s, self.filter.finished(total, self.slice + s, self.bias[s]))
            for (p, s), total in self.registers.items()
        ]

    def accumulate(self, x: Sequence[Expr], step: Expr, lanes: int) -> None:
        """Adds the products of a vec4 of each pixel with the weights of a step.

        Steps count the input slices of a tile's taps; ``lanes`` says how many input lanes count.
        """
        k, slices = self.c.k, self.c.tile.slices
        row = step * (slices * 4)
        for s in range(slices):
            rows = [k.let(f"w{s}{i}", self.filter.row(row + (s * 4 + i))) for i in range(lanes)]
            for p, value in enumerate(x):
                k.add(self.registers[p, s], multiply_add(value, rows))


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


def filter_of(c: Context, value: Value, out_slices: int) -> Filter:
    """The filter of a convolution, [outputs, (height, width,) inputs], as rows by output slice."""

    def arranged(data: NDArray[np.float32]) -> NDArray[np.float32]:
        whole = data[:, None, None, :] if data.ndim == 2 else data
        return weight_rows(whole, out_slices, c.tile.slices)

    return c.constants.filter(value, arranged)


def pointwise(c: Context, x: View, weights: Value, bias: NDArray[np.float32] | None) -> Built:
    """A 1x1 convolution: every pixel by itself."""
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
            acc.accumulate(values, tile * x.slices + i, min(4, x.shape[3]))
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
    place = slice_grid(c, pixels, slices)
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
    return c.done(place.grid)
