"""Joining tensors: one launch an input where slices stay whole, else one that picks lane by lane."""

from __future__ import annotations

from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.elements import element_grid
from tflgpuc.backends.kernels.sliding import slice_grid
from tflgpuc.backends.kernels.view import Element
from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.graph.ops.concatenation import Concatenation
from tflgpuc.ir.graph.types import Lanes
from tflgpuc.ir.shader import call, compose, const, select


def axis(op: Concatenation) -> int:
    """The joined axis of the NHWC view."""
    rank = op.result.type.rank
    return op.axis % rank + 4 - rank


def whole_slices(op: Concatenation) -> bool:
    """Whether every input starts at a slice of its own, or in row-major order at any place."""
    return (
        op.result.type.rank > 4
        or axis(op) != 3
        or all(v.type.nhwc[3] % 4 == 0 for v in op.values[:-1])
    )


def joined_lanes(op: Concatenation, *operands: Lanes) -> Lanes:
    """The worst of the inputs' where slices are copied whole, zeros otherwise."""
    if not whole_slices(op):
        return "zero"
    return "any" if "any" in operands else "finite" if "finite" in operands else "zero"


@kernel(
    Concatenation,
    lanes=joined_lanes,
    parts=lambda op: len(op.values) if whole_slices(op) else 1,
    any_rank=True,
    narrow=True,
    row_major=True,
)
def concatenation(op: Concatenation, c: Context) -> Built:
    """Copies one input to its place, or fills every lane from the input that holds it."""
    return _part(op, c, op.values[c.part]) if whole_slices(op) else _lanes(op, c)


def _part(op: Concatenation, c: Context, value: Value) -> Built:
    if c.output.layout == "nhwc":
        return _row_major_part(op, c, value)
    k = c.k
    joined = axis(op)
    start = sum(v.type.nhwc[joined] for v in op.values[: c.part])
    x = c.view(value)
    n, h, w, _ = x.shape
    offset = [start if i == joined else 0 for i in range(4)]
    column, row = k.let("column", k.gid(0)), k.let("row", k.gid(1))
    batch, slice = k.let("batch", k.gid(2) // x.slices), k.let("slice", k.gid(2) % x.slices)
    with k.when((column < w) & (row < h) & (k.gid(2) < n * x.slices)):
        made = x.load(batch, row, column, slice)
        at = c.at(batch + offset[0], row + offset[1], column + offset[2], slice + offset[3] // 4)
        c.store(at, made)
    return c.done((w, h, n * x.slices))


def _row_major_part(op: Concatenation, c: Context, value: Value) -> Built:
    joined = op.axis % op.result.type.rank
    start = sum(v.type.shape[joined] for v in op.values[: c.part])
    with element_grid(c, value.type.shape) as (at, grid):
        place = tuple(i + start if axis == joined else i for axis, i in enumerate(at))
        c.store(Element(c.output.dims, place), c.view(value).at(at))
    return c.done(grid)


def _lanes(op: Concatenation, c: Context) -> Built:
    k = c.k
    channels = c.output.shape[3]
    place, grid = slice_grid(c, 1)
    with k.when(place.inside):
        lanes = []
        for i in range(min(4, channels)):
            channel = place.slice * 4 + i
            made = c.view(op.values[0], "src0").zero
            stop = channels
            for j in reversed(range(len(op.values))):
                view = c.view(op.values[j], f"src{j}")
                depth = view.shape[3]
                own = call("clamp", channel - (stop - depth), 0, depth - 1)
                read = view.read_channel(place.batch, place.row, place.column, own)
                made = select(channel < stop, read, made)
                stop -= depth
            lanes.append(k.let(f"lane{i}", made))
        lanes += [const(0, lanes[0].type)] * (4 - len(lanes))
        c.store(place.at(0), compose(*lanes))
    return c.done(grid)
