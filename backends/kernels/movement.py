"""Ops that only move elements: each output place says which input place it comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.sliding import TRUE, slice_grid
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.depth_to_space import DepthToSpace
from tflgpuc.ir.graph.ops.mirror_pad import MirrorPad
from tflgpuc.ir.graph.ops.pad import Pad
from tflgpuc.ir.graph.ops.padv2 import Padv2
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.ops.slice import Slice
from tflgpuc.ir.graph.ops.space_to_depth import SpaceToDepth
from tflgpuc.ir.graph.ops.strided_slice import StridedSlice
from tflgpuc.ir.graph.ops.tile import Tile
from tflgpuc.ir.graph.ops.transpose import Transpose
from tflgpuc.ir.graph.types import Lanes
from tflgpuc.ir.shader import F32, F32X4, Expr, call, compose, const, select

Coordinates = tuple[Expr, Expr, Expr, Expr]


@dataclass(frozen=True)
class Source:
    """Where an output element comes from: batch, row, column, channel; ``inside`` is False for fill."""

    at: Coordinates
    inside: Expr = TRUE


Map = Callable[[Coordinates], Source]


def moved_lanes(op: Op, x: Lanes, *rest: Lanes) -> Lanes:
    """Whole slices keep their padding lanes, others get zeros; a fill other than 0 gets in too."""
    if x == "zero":
        return "finite" if isinstance(op, Padv2) else "zero"
    return x


def gather(c: Context, value: Value, source: Map, whole: bool, fill: float = 0.0) -> Built:
    """Copies each output from its source.

    ``whole`` promises that channels stay where they are, so that slices move in one piece.
    """
    k = c.k
    x = c.view(value)
    channels = c.output.shape[3]
    place = slice_grid(c, 1)
    with k.when(place.inside):
        out = (place.batch, place.row, place.column)
        if whole:
            found = source((*out, place.slice * 4))
            n, y, at, _ = found.at
            made = x.vec4(x.index(n, y, at, place.slice))
            made = made if found.inside == TRUE else select(found.inside, made, const(fill, F32X4))
        else:
            lanes = []
            for i in range(min(4, channels)):
                channel = place.slice * 4 + i
                kept = channel if channels % 4 == 0 else call("min", channel, channels - 1)
                found = source((*out, kept))
                lane = x.read_channel(*found.at)
                if found.inside != TRUE:
                    lane = select(found.inside, lane, fill)
                if channels > 4 and i >= channels % 4 > 0:
                    lane = select(channel < channels, lane, 0.0)
                lanes.append(k.let(f"lane{i}", lane))
            lanes += [const(0.0, F32)] * (4 - len(lanes))
            made = compose(*lanes)
        c.store(place.at(0), made)
    return c.done(place.grid)


def _by_axis(maps: list[Callable[[Expr], tuple[Expr, Expr]]]) -> Map:
    """A map that treats each axis by itself; ``maps`` are for the last axes, as shapes align."""

    def source(out: Coordinates) -> Source:
        at, inside = list(out), TRUE
        for i, move in enumerate(maps, 4 - len(maps)):
            at[i], held = move(out[i])
            if held != TRUE:
                inside = held if inside == TRUE else inside & held
        return Source((at[0], at[1], at[2], at[3]), inside)

    return source


@kernel(Pad, Padv2, lanes=moved_lanes)
def pad(op: Pad | Padv2, c: Context) -> Built:
    """The input amid a border of one number."""
    shape = op.input.type.shape

    def move(before: int, after: int, extent: int) -> Callable[[Expr], tuple[Expr, Expr]]:
        def one(i: Expr) -> tuple[Expr, Expr]:
            if not before and not after:
                return i, TRUE
            at = i - before
            return call("clamp", at, 0, extent - 1), (at >= 0) & (at < extent)

        return one

    maps = [move(b, a, e) for (b, a), e in zip(op.widths, shape, strict=True)]
    data = op.constant_values.static("constant_values") if isinstance(op, Padv2) else None
    fill = 0.0 if data is None else float(data.reshape(-1)[0])
    return gather(c, op.input, _by_axis(maps), not shape or not any(op.widths[-1]), fill)


@kernel(MirrorPad, lanes=moved_lanes)
def mirror_pad(op: MirrorPad, c: Context) -> Built:
    """The input amid its mirror image."""
    shape = op.input.type.shape
    repeated = 1 if op.mode == "SYMMETRIC" else 0

    def move(before: int, after: int, extent: int) -> Callable[[Expr], tuple[Expr, Expr]]:
        def one(i: Expr) -> tuple[Expr, Expr]:
            if not before and not after:
                return i, TRUE
            at = i - before
            if before:
                at = select(at < 0, -at - repeated, at)
            if after:
                at = select(at >= extent, 2 * extent - 2 + repeated - at, at)
            return at, TRUE

        return one

    maps = [move(b, a, e) for (b, a), e in zip(op.widths, shape, strict=True)]
    return gather(c, op.input, _by_axis(maps), not shape or not any(op.widths[-1]))


@kernel(Slice, lanes=moved_lanes)
def slice(op: Slice, c: Context) -> Built:
    """A box of the input."""
    return _strided(c, op.input, list(op.starts), [1] * op.input.type.rank)


def plain_index(op: StridedSlice) -> str | None:
    """Entries that drop or add axes are split off as a reshape."""
    plain = all(isinstance(p, range) for p in op.index)
    return None if plain else "it adds or drops axes"


@kernel(StridedSlice, lanes=moved_lanes, requires=plain_index)
def strided_slice(op: StridedSlice, c: Context) -> Built:
    """Every stride-th element of a box."""
    taken = [p for p in op.index if isinstance(p, range)]
    return _strided(c, op.input, [p.start for p in taken], [p.step for p in taken])


def _strided(c: Context, value: Value, starts: list[int], steps: list[int]) -> Built:
    def move(start: int, step: int) -> Callable[[Expr], tuple[Expr, Expr]]:
        return lambda i: (i * step + start, TRUE)

    maps = [move(*pair) for pair in zip(starts, steps, strict=True)]
    whole = not steps or (starts[-1] == 0 and steps[-1] == 1)
    return gather(c, value, _by_axis(maps), whole)


@kernel(Reshape, lanes=moved_lanes)
def reshape(op: Reshape, c: Context) -> Built:
    """Elements keep their row-major order; where the channels stay, pixels do."""
    _, h, w, channels = c.output.shape
    _, y, x, depth = op.tensor.type.nhwc

    def source(out: Coordinates) -> Source:
        pixel = (out[0] * h + out[1]) * w + out[2]
        if channels == depth:
            return Source((pixel // (y * x), pixel // x % y, pixel % x, out[3]))
        index = pixel * channels + out[3]
        place = index // depth
        return Source((place // (y * x), place // x % y, place % x, index % depth))

    return gather(c, op.tensor, source, channels == depth)


@kernel(Transpose, lanes=moved_lanes)
def transpose(op: Transpose, c: Context) -> Built:
    """Axes change places."""
    rank = op.input.type.rank
    shift = 4 - rank
    perm = [int(p) % rank for p in op.perm.static("perm")]

    def source(out: Coordinates) -> Source:
        at = list(out)
        for i, p in enumerate(perm):
            at[p + shift] = out[i + shift]
        return Source((at[0], at[1], at[2], at[3]))

    return gather(c, op.input, source, not perm or perm[-1] == rank - 1)


@kernel(Tile, lanes=moved_lanes)
def tile(op: Tile, c: Context) -> Built:
    """The input again and again along each axis."""
    shape = op.input.type.shape

    def move(extent: int, times: int) -> Callable[[Expr], tuple[Expr, Expr]]:
        return lambda i: (i % extent if times > 1 else i, TRUE)

    times = [int(m) for m in op.multiples.static("multiples")]
    maps = [move(e, t) for e, t in zip(shape, times, strict=True)]
    return gather(c, op.input, _by_axis(maps), not times or times[-1] == 1)


@kernel(DepthToSpace, lanes=moved_lanes)
def depth_to_space(op: DepthToSpace, c: Context) -> Built:
    """Channels become blocks of pixels."""
    b, channels = op.block_size, c.output.shape[3]

    def source(out: Coordinates) -> Source:
        n, y, x, channel = out
        return Source((n, y // b, x // b, (y % b * b + x % b) * channels + channel))

    return gather(c, op.input, source, whole=False)


@kernel(SpaceToDepth, lanes=moved_lanes)
def space_to_depth(op: SpaceToDepth, c: Context) -> Built:
    """Blocks of pixels become channels."""
    b, depth = op.block_size, op.input.type.nhwc[3]

    def source(out: Coordinates) -> Source:
        n, y, x, channel = out
        block = channel // depth
        return Source((n, y * b + block // b, x * b + block % b, channel % depth))

    return gather(c, op.input, source, whole=False)
