"""Ops that only move elements: each output place says which input place it comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tflgpuc.backends.kernels.catalogue import Requires, kernel
from tflgpuc.backends.kernels.computed import each_lane, inline
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.elements import each_element, unravel
from tflgpuc.backends.kernels.sliding import TRUE, slice_grid
from tflgpuc.backends.kernels.view import ZERO, At, Coordinates, row_major
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
from tflgpuc.ir.shader import Builder, Expr, call, const, select


@dataclass(frozen=True)
class Source:
    """Where an output element comes from; ``inside`` is False for fill."""

    at: Coordinates
    inside: Expr = TRUE


Map = Callable[[Coordinates], Source]


@dataclass(frozen=True)
class Move:
    """How an op moves ``value``; what comes from nowhere is ``fill``.

    ``whole`` promises that slices move in one piece.
    """

    value: Value
    source: Map
    whole: bool
    fill: float = 0.0


AxisMap = Callable[[Expr], tuple[Expr, Expr]]


def moved_lanes(op: Op, x: Lanes, *rest: Lanes) -> Lanes:
    """Whole slices keep their padding lanes, others get zeros."""
    return x


def movement(
    *ops: type[Op],
    lanes: Callable[..., Lanes] = moved_lanes,
    requires: Requires = lambda op: None,
    row_major: bool = True,
) -> Callable[[Callable[[Any, Builder], Move]], Callable[[Any, Builder], Move]]:
    """Registers the decorated function, which says how these ops move their operand, as their kernel.

    They can be computed where they are read, too.
    """

    def register(how: Callable[[Any, Builder], Move]) -> Callable[[Any, Builder], Move]:
        def build(op: Any, c: Context) -> Built:
            return gather(c, how(op, c.k))

        def vector(op: Any, c: Context, at: At) -> Expr:
            move = how(op, c.k)
            out = (at.batch, at.row, at.column, at.slice * 4)[4 - op.results[0].type.rank :]
            if move.whole:
                return moved_vector(c, move, out, at.slice)
            rank = len(out)
            return each_lane(
                op.results[0].type.nhwc[3],
                at.slice,
                lambda channel: moved_element(c, move, (*out[:-1], channel)[:rank]),
            )

        def scalar(op: Any, c: Context, at: Coordinates) -> Expr:
            return moved_element(c, how(op, c.k), at)

        kernel(*ops, lanes=lanes, requires=requires, any_rank=True, narrow=True,
               row_major=row_major)(build)  # fmt: skip
        inline(*ops, vector=vector, scalar=scalar, lanes=lanes)
        return how

    return register


def gather(c: Context, move: Move) -> Built:
    """Copies each output from its source."""
    x = c.view(move.value)
    if not (move.whole and c.output.layout == x.layout == "phwc4"):
        return each_element(c, lambda at: moved_element(c, move, at))
    place, grid = slice_grid(c, 1)
    with c.k.when(place.inside):
        out = (place.batch, place.row, place.column, place.slice * 4)
        c.store(place.at(0), moved_vector(c, move, out[4 - len(c.output.dims) :], place.slice))
    return c.done(grid)


def moved_element(c: Context, move: Move, at: Coordinates) -> Expr:
    """One element of what an op moves."""
    found = move.source(at)
    made = c.view(move.value).at(found.at)
    return _filled(found, made, move.fill)


def moved_vector(c: Context, move: Move, at: Coordinates, slice: Expr) -> Expr:
    """One slice of what an op moves whole, at the coordinates of its first channel."""
    found = move.source(at)
    batch, row, column = (ZERO,) * (4 - len(found.at)) + found.at[:-1]
    if found.at[-1] != at[-1]:
        slice = found.at[-1] // 4
    return _filled(found, c.view(move.value).load(batch, row, column, slice), move.fill)


def _filled(found: Source, made: Expr, fill: float) -> Expr:
    return made if found.inside == TRUE else select(found.inside, made, const(fill, made.type))


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


@movement(Pad, row_major=False)
def pad(op: Pad, k: Builder) -> Move:
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
    return Move(op.input, by_axis(maps), pads_slices(op))


def pads_slices(op: Pad) -> bool:
    """Whether channels stay where they are in slices, which may change their number."""
    if not op.input.type.rank:
        return False
    before, after = op.widths[-1]
    return not (before or after) or (before % 4 == 0 and op.input.type.shape[-1] % 4 == 0)


@movement(MirrorPad)
def mirror_pad(op: MirrorPad, k: Builder) -> Move:
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
    return Move(op.input, by_axis(maps), bool(shape) and not any(op.widths[-1]))


def cut_lanes(op: Slice | StridedSlice, x: Lanes, *rest: Lanes) -> Lanes:
    """Where the last channels are cut off, some of them may be left in padding lanes."""
    return x if op.results[0].type.nhwc[3] == op.input.type.nhwc[3] else "any"


@movement(Slice, lanes=cut_lanes)
def slice(op: Slice, k: Builder) -> Move:
    """A box of the input."""
    return _strided(op.input, list(op.starts), [1] * op.input.type.rank)


def plain_index(op: StridedSlice) -> str | None:
    """Entries that drop or add axes are split off as a reshape."""
    plain = all(isinstance(p, range) for p in op.index)
    return None if plain else "it adds or drops axes"


@movement(StridedSlice, lanes=cut_lanes, requires=plain_index)
def strided_slice(op: StridedSlice, k: Builder) -> Move:
    """Every stride-th element of a box."""
    taken = [p for p in op.index if isinstance(p, range)]
    return _strided(op.input, [p.start for p in taken], [p.step for p in taken])


def _strided(value: Value, starts: list[int], steps: list[int]) -> Move:
    def move(start: int, step: int) -> AxisMap:
        return lambda i: (i * step + start, TRUE)

    maps = [move(*pair) for pair in zip(starts, steps, strict=True)]
    whole = bool(steps) and starts[-1] == 0 and steps[-1] == 1
    return Move(value, by_axis(maps), whole)


@movement(Reshape)
def reshape(op: Reshape, k: Builder) -> Move:
    """Elements keep their row-major order; where the channels stay, pixels do."""
    dims, given = op.results[0].type.shape, op.tensor.type.shape
    whole = bool(dims and given) and dims[-1] == given[-1]

    def source(out: Coordinates) -> Source:
        if whole:
            return Source((*unravel(k, row_major(out[:-1], dims[:-1]), given[:-1]), out[-1]))
        return Source(unravel(k, row_major(out, dims), given))

    return Move(op.tensor, source, whole)


@movement(Transpose)
def transpose(op: Transpose, k: Builder) -> Move:
    """Axes change places."""
    rank = op.input.type.rank
    perm = [int(p) % rank for p in op.perm.static("perm")]

    def source(out: Coordinates) -> Source:
        return Source(tuple(out[perm.index(axis)] for axis in range(rank)))

    return Move(op.input, source, rank > 0 and perm[-1] == rank - 1)


@movement(Tile)
def tile(op: Tile, k: Builder) -> Move:
    """The input again and again along each axis."""

    def move(extent: int, times: int) -> AxisMap:
        return lambda i: (i % extent if times > 1 else i, TRUE)

    times = [int(m) for m in op.multiples.static("multiples")]
    maps = [move(e, t) for e, t in zip(op.input.type.shape, times, strict=True)]
    return Move(op.input, by_axis(maps), bool(times) and times[-1] == 1)


@kernel(BroadcastTo, any_rank=True, narrow=True, row_major=True, lanes=lambda op, *x: "zero")
def broadcast_to(op: BroadcastTo, c: Context) -> Built:
    """Axes of 1 are repeated, and axes in front added."""
    x = c.view(op.input)
    return each_element(c, x.broadcast)


@movement(DepthToSpace)
def depth_to_space(op: DepthToSpace, k: Builder) -> Move:
    """Channels become blocks of pixels."""
    b, channels = op.block_size, op.results[0].type.nhwc[3]

    def source(out: Coordinates) -> Source:
        n, y, x, channel = out
        return Source((n, y // b, x // b, (y % b * b + x % b) * channels + channel))

    return Move(op.input, source, whole=False)


@movement(SpaceToDepth)
def space_to_depth(op: SpaceToDepth, k: Builder) -> Move:
    """Blocks of pixels become channels."""
    b, depth = op.block_size, op.input.type.nhwc[3]

    def source(out: Coordinates) -> Source:
        n, y, x, channel = out
        block = channel // depth
        return Source((n, y * b + block // b, x * b + block % b, channel % depth))

    return Move(op.input, source, whole=False)
