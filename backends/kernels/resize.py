"""Resizing height and width."""

from __future__ import annotations

from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.pooling import same_lanes
from tflgpuc.backends.kernels.sliding import slice_grid
from tflgpuc.ir.graph.ops.resize_bilinear import ResizeBilinear
from tflgpuc.ir.graph.ops.resize_nearest_neighbor import ResizeNearestNeighbor
from tflgpuc.ir.graph.resize import Resize, scale
from tflgpuc.ir.shader import Expr, call, convert


@kernel(ResizeBilinear, lanes=same_lanes, row_major=True)
def resize_bilinear(op: ResizeBilinear, c: Context) -> Built:
    """Mixes the four inputs around each output's position."""
    k = c.k
    x = c.view(op.input)
    _, h, w, _ = x.shape
    place = slice_grid(c, 1)
    with k.when(place.inside):
        top, bottom, down = _taps(op, c, "y", place.row, 1, h)
        left, right, across = _taps(op, c, "x", place.column, 2, w)
        corners = [
            k.let(name, x.load(place.batch, row, column, place.slice))
            for name, row, column in (
                ("top_left", top, left),
                ("top_right", top, right),
                ("bottom_left", bottom, left),
                ("bottom_right", bottom, right),
            )
        ]
        upper = k.let("upper", corners[0] + (corners[1] - corners[0]) * across)
        lower = k.let("lower", corners[2] + (corners[3] - corners[2]) * across)
        c.store(place.at(0), upper + (lower - upper) * down)
    return c.done(place.grid)


def _taps(
    op: Resize, c: Context, axis: str, at: Expr, dimension: int, extent: int
) -> tuple[Expr, Expr, Expr]:
    """The two input rows (or columns) around an output's, and how far it is towards the second."""
    k = c.k
    factor = float(scale(extent, c.output.shape[dimension], op.align_corners))
    position = convert(at, "f32")
    position = (position + 0.5) * factor - 0.5 if op.half_pixel_centers else position * factor
    place = k.let(f"{axis}_at", call("clamp", position, 0.0, float(extent - 1)))
    first = k.let(f"{axis}0", convert(place, "i32"))
    second = k.let(f"{axis}1", call("min", first + 1, extent - 1))
    return first, second, k.let(f"{axis}_mix", place - convert(first, "f32"))


@kernel(ResizeNearestNeighbor, lanes=same_lanes, row_major=True)
def resize_nearest_neighbor(op: ResizeNearestNeighbor, c: Context) -> Built:
    """Copies the input nearest to each output's position."""
    k = c.k
    x = c.view(op.input)
    _, h, w, _ = x.shape
    place = slice_grid(c, 1)
    with k.when(place.inside):
        row = k.let("y", _nearest(op, c, place.row, 1, h))
        column = k.let("x", _nearest(op, c, place.column, 2, w))
        c.store(place.at(0), x.load(place.batch, row, column, place.slice))
    return c.done(place.grid)


def _nearest(op: Resize, c: Context, at: Expr, dimension: int, extent: int) -> Expr:
    size = c.output.shape[dimension]
    factor = float(scale(extent, size, op.align_corners))
    if factor == 1.0 and not op.half_pixel_centers:
        return at
    if not op.align_corners and size % extent == 0:
        # A whole factor needs no floats, whose rounding differs between GPUs.
        return at // (size // extent)
    position = (convert(at, "f32") + (0.5 if op.half_pixel_centers else 0.0)) * factor
    if op.align_corners:
        position = position + 0.5
    return call("min", convert(call("floor", position), "i32"), extent - 1)
