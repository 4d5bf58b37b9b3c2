"""Resizing height and width."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.computed import inline
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.pooling import same_lanes
from tflgpuc.backends.kernels.sliding import slice_grid
from tflgpuc.backends.kernels.view import At
from tflgpuc.ir.graph.op import Op
from tflgpuc.ir.graph.ops.resize_bilinear import ResizeBilinear
from tflgpuc.ir.graph.ops.resize_nearest_neighbor import ResizeNearestNeighbor
from tflgpuc.ir.graph.resize import Resize, scale
from tflgpuc.ir.shader import Expr, call, convert


def resize_bilinear(op: ResizeBilinear, c: Context, at: At) -> Expr:
    """Mixes the four inputs around an output's position."""
    k = c.k
    x = c.view(op.input)
    top, bottom, down = _taps(op, c, "y", at.row, 1)
    left, right, across = _taps(op, c, "x", at.column, 2)
    corners = [
        k.let(name, x.load(at.batch, row, column, at.slice))
        for name, row, column in (
            ("top_left", top, left),
            ("top_right", top, right),
            ("bottom_left", bottom, left),
            ("bottom_right", bottom, right),
        )
    ]
    upper = k.let("upper", corners[0] + (corners[1] - corners[0]) * across)
    lower = k.let("lower", corners[2] + (corners[3] - corners[2]) * across)
    return upper + (lower - upper) * down


def _taps(op: Resize, c: Context, axis: str, at: Expr, dimension: int) -> tuple[Expr, Expr, Expr]:
    """The two input rows (or columns) around an output's, and how far it is towards the second."""
    k = c.k
    extent, size = op.input.type.nhwc[dimension], op.results[0].type.nhwc[dimension]
    factor = float(scale(extent, size, op.align_corners))
    position = convert(at, "f32")
    position = (position + 0.5) * factor - 0.5 if op.half_pixel_centers else position * factor
    place = k.let(f"{axis}_at", call("clamp", position, 0.0, float(extent - 1)))
    first = k.let(f"{axis}0", convert(place, "i32"))
    second = k.let(f"{axis}1", call("min", first + 1, extent - 1))
    return first, second, k.let(f"{axis}_mix", place - convert(first, "f32"))


def resize_nearest_neighbor(op: ResizeNearestNeighbor, c: Context, at: At) -> Expr:
    """Copies the input nearest to an output's position."""
    row = c.k.let("y", _nearest(op, at.row, 1))
    column = c.k.let("x", _nearest(op, at.column, 2))
    return c.view(op.input).load(at.batch, row, column, at.slice)


def _nearest(op: Resize, at: Expr, dimension: int) -> Expr:
    extent, size = op.input.type.nhwc[dimension], op.results[0].type.nhwc[dimension]
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


RESIZES: dict[type[Op], Callable[[Any, Context, At], Expr]] = {
    ResizeBilinear: resize_bilinear,
    ResizeNearestNeighbor: resize_nearest_neighbor,
}
for _op, _vector in RESIZES.items():
    inline(_op, vector=_vector, lanes=same_lanes)


@kernel(*RESIZES, lanes=same_lanes, row_major=True)
def resize(op: Resize, c: Context) -> Built:
    """One vec4 an invocation."""
    place, grid = slice_grid(c, 1)
    with c.k.when(place.inside):
        c.store(place.at(0), RESIZES[type(op)](op, c, place.at(0)))
    return c.done(grid)
