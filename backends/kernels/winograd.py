"""Convolutions by Winograd's method: transforms of tiles, and a matrix product at each point.

Tiles lie along x, slices along y. The more rows of a tile an invocation transforms, the fewer vec4s
it reads twice, and the more registers it takes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.convolution import pointwise
from tflgpuc.backends.kernels.sliding import TRUE
from tflgpuc.backends.kernels.sums import bias_data, zero_lanes
from tflgpuc.backends.kernels.view import ZERO, ZERO4
from tflgpuc.ir.graph.ops.winograd_input import WinogradInput
from tflgpuc.ir.graph.ops.winograd_output import WinogradOutput
from tflgpuc.ir.graph.ops.winograd_product import WinogradProduct
from tflgpuc.ir.graph.winograd import AT, BT, INPUTS, OUTPUTS
from tflgpuc.ir.shader import I32, Expr, call, const, select
from tflgpuc.ir.target import Tile

INPUT_ROWS = tuple(Tile(1, rows=n) for n in (6, 3, 2, 1))
OUTPUT_ROWS = tuple(Tile(1, rows=n) for n in (4, 2, 1))


def combined(factors: NDArray[np.float32], values: Sequence[Expr]) -> Expr:
    """The sum of values times constant factors, of which 0 and 1 cost nothing."""
    made: Expr | None = None
    for factor, value in zip(factors.tolist(), values, strict=True):
        if not factor:
            continue
        term = value if abs(factor) == 1 else value * abs(factor)
        if made is None:
            made = term if factor > 0 else -term
        else:
            made = made + term if factor > 0 else made - term
    assert made is not None
    return made


@kernel(WinogradInput, tiled=INPUT_ROWS, lanes=zero_lanes, row_major=True)
def winograd_input(op: WinogradInput, c: Context) -> Built:
    """Column by column of a tile, then row by row of what that made."""
    k, x, rows = c.k, c.view(op.input), c.tile.rows
    _, height, width, _ = x.shape
    tiles, slices = c.output.shape[2], c.output.slices
    tile, slice, part = k.let("tile", k.gid(0)), k.let("slice", k.gid(1)), k.let("part", k.gid(2))
    with k.when((tile < tiles) & (slice < slices)):
        batch = k.let("batch", tile // (op.rows * op.columns))
        top = k.let("top", tile // op.columns % op.rows * OUTPUTS - op.top)
        left = k.let("left", tile % op.columns * OUTPUTS - op.left)

        def at(y: int, x_: int) -> Expr:
            row, column = top + y, left + x_
            kept = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            row, column = call("clamp", row, 0, height - 1), call("clamp", column, 0, width - 1)
            return select(kept, x.read_clean(batch, row, column, slice), ZERO4)

        for first in range(0, INPUTS, rows):
            chosen = range(first, first + rows)
            with k.when(part.eq(first // rows) if rows < INPUTS else TRUE):
                half: dict[tuple[int, int], Expr] = {}
                for j in range(INPUTS):
                    needed = [y for y in range(INPUTS) if BT[first : first + rows, y].any()]
                    column = {y: k.let(f"d{y}", at(y, j)) for y in needed}
                    values = [column.get(y, ZERO4) for y in range(INPUTS)]
                    for i in chosen:
                        half[i, j] = k.let(f"t{i}{j}", combined(BT[i], values))
                for i in chosen:
                    row = [half[i, j] for j in range(INPUTS)]
                    for j in range(INPUTS):
                        point = const(i * INPUTS + j, I32)
                        c.store(c.at(point, ZERO, tile, slice), combined(BT[j], row))
    return c.done((tiles, slices, INPUTS // rows))


def known_filter(op: WinogradProduct) -> str | None:
    """The filter has to be a constant."""
    return None if op.filter.constant is not None else "its filter is computed at run time"


@kernel(WinogradProduct, requires=known_filter, tiled="slices", lanes=zero_lanes)
def winograd_product(op: WinogradProduct, c: Context) -> Built:
    """A pointwise convolution of each point, which is a batch with its own weights."""
    return pointwise(c, c.view(op.input), op.filter, None)


@kernel(WinogradOutput, tiled=OUTPUT_ROWS, lanes=zero_lanes)
def winograd_output(op: WinogradOutput, c: Context) -> Built:
    """Column by column of the points, then row by row of what that made."""
    k, x, rows = c.k, c.view(op.input), c.tile.rows
    _, height, width, channels = c.output.shape
    tiles, slices = x.shape[2], c.output.slices
    biases = c.constants.channels(bias_data(op.bias), channels)
    tile, slice, part = k.let("tile", k.gid(0)), k.let("slice", k.gid(1)), k.let("part", k.gid(2))
    with k.when((tile < tiles) & (slice < slices)):
        batch = k.let("batch", tile // (op.rows * op.columns))
        top = k.let("top", tile // op.columns % op.rows * OUTPUTS)
        left = k.let("left", tile % op.columns * OUTPUTS)
        bias = k.let("bias", biases(slice))
        for first in range(0, OUTPUTS, rows):
            chosen = range(first, first + rows)
            with k.when(part.eq(first // rows) if rows < OUTPUTS else TRUE):
                half: dict[tuple[int, int], Expr] = {}
                for j in range(INPUTS):
                    points = [const(i * INPUTS + j, I32) for i in range(INPUTS)]
                    column = [
                        k.let(f"m{i}", x.load(point, ZERO, tile, slice))
                        for i, point in enumerate(points)
                    ]
                    for i in chosen:
                        half[i, j] = k.let(f"t{i}{j}", combined(AT[i], column))
                for i in chosen:
                    row = [half[i, j] for j in range(INPUTS)]
                    for j in range(OUTPUTS):
                        kept = TRUE
                        if i and height % OUTPUTS:
                            kept = kept & (top + i < height)
                        if j and width % OUTPUTS:
                            kept = kept & (left + j < width)
                        with k.when(kept):
                            place = c.at(batch, top + i, left + j, slice)
                            c.store(place, combined(AT[j], row) + bias)
    return c.done((tiles, slices, OUTPUTS // rows))
