"""Ops that only move elements: each output place says which input place it comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.elements import each_element, unravel
from tflgpuc.backends.kernels.sliding import TRUE, slice_grid
from tflgpuc.backends.kernels.view import Coordinates, row_major
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.broadcast_to import BroadcastTo
from tflgpuc.ir.graph.ops.depth_to_space import DepthToSpace
from tflgpuc.ir.graph.ops.mirror_pad import MirrorPad
from tflgpuc.ir.graph.ops.pad import Pad
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.ops.slice import Slice
from tflgpuc.ir.graph.ops.space_to_depth import SpaceToDepth
from tflgpuc.ir.graph.ops.strided_slice import StridedSlice
from tflgpuc.ir.graph.ops.tile import Tile
from tflgpuc.ir.graph.ops.transpose import Transpose
from tflgpuc.ir.graph.types import Lanes
from tflgpuc.ir.shader import Expr, call, const, select


@dataclass(frozen=True)
class Source:
    """Where an output element comes from; ``inside`` is False for fill."""

    at: Coordinates
    inside: Expr = TRUE


Map = Callable[[Coordinates], Source]
AxisMap = Callable[[Expr], tuple[Expr, Expr]]


def moved_lanes(op: Op, x: Lanes, *rest: Lanes) -> Lanes:
    """Whole slices keep their padding lanes, others get zeros."""
    return x


def gather(c: Context, value: Value, source: Map, whole: bool, fill: float = 0.0) -> Built:
    """Copies each output from its source.

    ``whole`` promises that channels stay where they are, so that slices move in one piece.
    """
    x = c.view(value)
    if whole and c.output.layout == x.layout == "phwc4":
        return _slices(c, value, source, fill)

    def one(at: Coordinates) -> Expr:
        found = source(at)
        made = x.at(found.at)
        return made if found.inside == TRUE else select(found.inside, made, _as(made, fill))

    return each_element(c, one)


def _slices(c: Context, value: Value, source: Map, fill: float) -> Built:
    x = c.view(value)
    place = slice_grid(c, 1)
    with c.k.when(place.inside):
        out = (place.batch, place.row, place.column, place.slice * 4)
        found = source(out[4 - len(c.output.dims) :])
        batch, row, column = (const(0, place.slice.type),) * (4 - len(found.at)) + found.at[:-1]
        made = x.vec4(x.index(batch, row, column, place.slice))
        if found.inside != TRUE:
            made = select(found.inside, made, _as(made, fill))
        c.store(place.at(0), made)
    return c.done(place.grid)


def _as(like: Expr, number: float) -> Expr:
    return const(number, like.type)


def by_axis(maps: list[AxisMap]) -> Map:
    """A map that treats each axis by itself."""

    def source(out: Coordinates) -> Source:
        at, inside = [], TRUE
        for move, index in zip(maps, out, strict=True):
            moved, held = move(index)
            at.append(moved)
            if held != TRUE:
                inside = held if inside == TRUE else inside & held
        return Source(tuple(at), inside)

    return source


@kernel(Pad, lanes=moved_lanes, any_rank=True, narrow=True)
def pad(op: Pad, c: Context) -> Built:
    """The input amid a border of zeros."""
    shape = op.input.type.shape

    def move(before: int, after: int, extent: int) -> AxisMap:
        def one(i: Expr) -> tuple[Expr, Expr]:
            if not before and not after:
                return i, TRUE
            at = i - before
            return call("clamp", at, 0, extent - 1), (at >= 0) & (at < extent)

        return one

    maps = [move(b, a, e) for (b, a), e in zip(op.widths, shape, strict=True)]
    return gather(c, op.input, by_axis(maps), bool(shape) and not any(op.widths[-1]))


@kernel(MirrorPad, lanes=moved_lanes, any_rank=True, narrow=True, row_major=True)
def mirror_pad(op: MirrorPad, c: Context) -> Built:
    """The input amid its mirror image."""
    shape = op.input.type.shape
    repeated = 1 if op.mode == "SYMMETRIC" else 0

    def move(before: int, after: int, extent: int) -> AxisMap:
        def one(i: Expr) -> tuple[Expr, Expr]:
            if not before and not after:
                return i, TRUE
            at = i - before
            if before:
                at = select(at < 0, -repeated - at, at)
            if after:
                at = select(at >= extent, 2 * extent - 2 + repeated - at, at)
            return at, TRUE

        return one

    maps = [move(b, a, e) for (b, a), e in zip(op.widths, shape, strict=True)]
    return gather(c, op.input, by_axis(maps), bool(shape) and not any(op.widths[-1]))


@kernel(Slice, lanes=moved_lanes, any_rank=True, narrow=True, row_major=True)
def slice(op: Slice, c: Context) -> Built:
    """A box of the input."""
    return _strided(c, op.input, list(op.starts), [1] * op.input.type.rank)


def plain_index(op: StridedSlice) -> str | None:
    """Entries that drop or add axes are split off as a reshape."""
    plain = all(isinstance(p, range) for p in op.index)
    return None if plain else "it adds or drops axes"


@kernel(
    StridedSlice,
    lanes=moved_lanes,
    requires=plain_index,
    any_rank=True,
    narrow=True,
    row_major=True,
)
def strided_slice(op: StridedSlice, c: Context) -> Built:
    """Every stride-th element of a box."""
    taken = [p for p in op.index if isinstance(p, range)]
    return _strided(c, op.input, [p.start for p in taken], [p.step for p in taken])


def _strided(c: Context, value: Value, starts: list[int], steps: list[int]) -> Built:
    def move(start: int, step: int) -> AxisMap:
        return lambda i: (i * step + start, TRUE)

    maps = [move(*pair) for pair in zip(starts, steps, strict=True)]
    whole = bool(steps) and starts[-1] == 0 and steps[-1] == 1
    return gather(c, value, by_axis(maps), whole)


@kernel(Reshape, lanes=moved_lanes, any_rank=True, narrow=True, row_major=True)
def reshape(op: Reshape, c: Context) -> Built:
    """Elements keep their row-major order; where the channels stay, pixels do."""
    dims, given = c.output.dims, op.tensor.type.shape
    whole = bool(dims and given) and dims[-1] == given[-1]

    def source(out: Coordinates) -> Source:
        if whole:
            return Source((*unravel(c.k, row_major(out[:-1], dims[:-1]), given[:-1]), out[-1]))
        return Source(unravel(c.k, row_major(out, dims), given))

    return gather(c, op.tensor, source, whole)


@kernel(Transpose, lanes=moved_lanes, any_rank=True, narrow=True, row_major=True)
def transpose(op: Transpose, c: Context) -> Built:
    """Axes change places."""
    rank = op.input.type.rank
    perm = [int(p) % rank for p in op.perm.static("perm")]

    def source(out: Coordinates) -> Source:
        return Source(tuple(out[perm.index(axis)] for axis in range(rank)))

    return gather(c, op.input, source, rank > 0 and perm[-1] == rank - 1)


@kernel(Tile, lanes=moved_lanes, any_rank=True, narrow=True, row_major=True)
def tile(op: Tile, c: Context) -> Built:
    """The input again and again along each axis."""

    def move(extent: int, times: int) -> AxisMap:
        return lambda i: (i % extent if times > 1 else i, TRUE)

    times = [int(m) for m in op.multiples.static("multiples")]
    maps = [move(e, t) for e, t in zip(op.input.type.shape, times, strict=True)]
    return gather(c, op.input, by_axis(maps), bool(times) and times[-1] == 1)


@kernel(BroadcastTo, any_rank=True, narrow=True, row_major=True, lanes=lambda op, *x: "zero")
def broadcast_to(op: BroadcastTo, c: Context) -> Built:
    """Axes of 1 are repeated, and axes in front added."""
    x = c.view(op.input)
    return each_element(c, x.broadcast)


@kernel(DepthToSpace, lanes=moved_lanes, narrow=True, row_major=True)
def depth_to_space(op: DepthToSpace, c: Context) -> Built:
    """Channels become blocks of pixels."""
    b, channels = op.block_size, c.output.shape[3]

    def source(out: Coordinates) -> Source:
        n, y, x, channel = out
        return Source((n, y // b, x // b, (y % b * b + x % b) * channels + channel))

    return gather(c, op.input, source, whole=False)


@kernel(SpaceToDepth, lanes=moved_lanes, narrow=True, row_major=True)
def space_to_depth(op: SpaceToDepth, c: Context) -> Built:
    """Blocks of pixels become channels."""
    b, depth = op.block_size, op.input.type.nhwc[3]

    def source(out: Coordinates) -> Source:
        n, y, x, channel = out
        block = channel // depth
        return Source((n, y * b + block // b, x * b + block % b, channel % depth))

    return gather(c, op.input, source, whole=False)
