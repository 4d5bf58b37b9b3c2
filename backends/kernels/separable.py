"""A depthwise and a pointwise convolution in one kernel: what lies between stays in shared memory.

A work group makes a tile of columns x rows of the output. Chunk by chunk of input slices, its
invocations first compute the depthwise convolution for the tile into shared memory, each value once,
and then all add its products with the pointwise weights to the sums that they hold in registers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.depthwise import UNROLLED_TAPS, Sums, patch
from tflgpuc.backends.kernels.sliding import Place
from tflgpuc.backends.kernels.sums import Accumulators, bias_data, filter_of
from tflgpuc.backends.kernels.variants import Plan
from tflgpuc.backends.kernels.view import At, nhwc
from tflgpuc.ir.graph.op import Op
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.spatial import window
from tflgpuc.ir.shader import F32X4, Expr, Shared, call
from tflgpuc.ir.target import Target, Tile

# No group makes more pixels than this, and so many plans get a full estimate.
TILE_PIXELS = 64
PLANS = 2


@dataclass(frozen=True)
class Pair:
    """A depthwise convolution whose result only a pointwise one reads, by way of ``between``."""

    depthwise: DepthwiseConv2D
    between: tuple[Op, ...]
    pointwise: Conv2D


def staged(fused: Fused) -> Pair | None:
    """The pair that a fused op computes in one kernel, if it is one."""
    root = fused.root
    for i, op in enumerate(fused.prologue):
        if isinstance(op, DepthwiseConv2D) and isinstance(root, Conv2D):
            return Pair(op, fused.prologue[i + 1 :], root)
    return None


def unfit(depthwise: DepthwiseConv2D, op: Conv2D) -> str | None:
    """Why the two can't share a kernel, or None where they can."""
    if math.prod(depthwise.kernel) > UNROLLED_TAPS:
        return "the depthwise window is large"
    if depthwise.filter.constant is None or op.filter.constant is None:
        return "weights are computed at run time"
    if any(b is not None and b.constant is None for b in (depthwise.bias, op.bias)):
        return "a bias is computed at run time"
    unit = op.filter.type.shape[1:3] == (1, 1) and (op.stride_h, op.stride_w) == (1, 1)
    if not unit or op.groups > 1 or window(op) != (0, 0, 0, 0):
        return "the convolution isn't pointwise"
    return None


def plans(depthwise: DepthwiseConv2D, op: Conv2D, target: Target, most: int = PLANS) -> list[Plan]:
    """The plans worth an estimate: of those that fit the target, the ``most`` with the least work."""
    _, h, w, channels = nhwc(op.result.type.shape)
    out_slices, in_slices = -(-channels // 4), depthwise.result.type.slices
    found: dict[Plan, None] = {}
    for tile in target.tiles:
        if tile.slices >= 2 * out_slices or tile.pixels >= 2 * w:
            continue
        runs_per_row = -(-w // tile.pixels)
        widths = {min(count, runs_per_row) * tile.pixels for count in (1, 2, 4, 8, 16)}
        for width, height in product(sorted(widths), (1, 2, 4, 8)):
            if height > h or width * height > TILE_PIXELS:
                continue
            made = _plan(width, height, tile, out_slices, in_slices, target)
            if made is not None:
                found[made] = None
    work = {p: seconds_of_work(p, depthwise, op, target) for p in found}
    return sorted(found, key=lambda p: work[p])[:most]


def seconds_of_work(plan: Plan, depthwise: DepthwiseConv2D, op: Conv2D, target: Target) -> float:
    """About how many seconds a plan's groups compute and read, from its numbers alone."""
    n, h, w, channels = nhwc(op.result.type.shape)
    out_slices, in_slices = -(-channels // 4), depthwise.result.type.slices
    taps = math.prod(depthwise.kernel)
    rates, tile, patch = target.rates, plan.tile, plan.patch
    parts = -(-out_slices // (plan.across * tile.slices))
    groups = n * -(-h // plan.height) * -(-w // plan.width) * parts
    lanes = -(-plan.invocations // target.wave) * target.wave
    sums = in_slices * (
        tile.pixels * tile.slices * 32 / rates.flops
        + 4 * tile.slices / rates.storage
        + tile.pixels / rates.shared
    )
    area = patch.pixels * patch.rows
    items = -(-plan.pixels * plan.chunk // (area * plan.invocations)) * -(-in_slices // plan.chunk)
    side = math.sqrt(taps) - 1
    reads = (patch.pixels + side) * (patch.rows + side) + taps
    made = items * (area * taps * 8 / rates.flops + reads / rates.storage + area / rates.shared)
    busy = min(1.0, groups * lanes / (target.compute_units * target.wave))
    kept = tile.pixels * tile.slices if in_slices > plan.chunk else 0
    alive = max(tile.pixels * (tile.slices + 1) + 4, kept + area + patch.pixels + 4)
    return groups * lanes * (sums + made) / busy * max(1.0, alive / rates.registers)


def _plan(
    width: int, height: int, tile: Tile, out_slices: int, in_slices: int, target: Target
) -> Plan | None:
    runs = width * height // tile.pixels
    tiles = -(-out_slices // tile.slices)
    most = min(target.max_invocations, target.max_group[0]) // runs
    if not most:
        return None
    parts = -(-tiles // min(tiles, most))
    across = -(-tiles // parts)
    # Half of the shared memory leaves room for another group on the same unit.
    room = target.shared_bytes // 2 // (width * height * 16)
    if not room:
        return None
    chunks = -(-in_slices // min(room, in_slices))
    chunk = -(-in_slices // chunks)
    rows = [t for t in target.depthwise_tiles if width % t.pixels == 0 and height % t.rows == 0]
    if not rows:
        return None
    # As many patches as there are invocations to compute them, if they are small enough for it.
    many = [t for t in rows if width * height * chunk // (t.pixels * t.rows) >= runs * across]
    return Plan(width, height, tile, across, chunk, (many or rows[-1:])[0])


def separable(op: Conv2D, c: Context) -> Built:
    """The kernel of a pair, as the variant plans it."""
    pair, plan, k = staged(c.fused), c.variant, c.k
    assert pair is not None and isinstance(plan, Plan)
    depthwise = pair.depthwise
    n, h, w, _ = c.output.shape
    in_slices, out_slices = depthwise.result.type.slices, c.output.slices
    parts = -(-out_slices // (plan.across * plan.tile.slices))
    padded = parts * plan.across * plan.tile.slices
    stage = k.shared("stage", F32X4, plan.pixels * plan.chunk)
    lane = k.let("lane", k.lid(0))
    column = k.let("column", k.group(0) * plan.width)
    row = k.let("row", k.group(1) * plan.height)
    batch = k.let("batch", k.group(2) // parts)
    tile = k.let("tile", k.group(2) % parts * plan.across + lane // plan.runs)
    slice = k.let("slice", tile * plan.tile.slices)
    run = k.let("run", lane % plan.runs * plan.tile.pixels)
    producer = _Producer(pair, c, plan, stage)
    filter = filter_of(c, op.filter, padded)
    biases = c.constants.channels(bias_data(op.bias), padded * 4)
    chunks = -(-in_slices // plan.chunk)

    def add(acc: Accumulators, first: Expr | int, count: Expr | int) -> None:
        with k.loop("i", count) as i:
            values = [
                k.let(f"x{p}", stage[i * plan.pixels + run + p]) for p in range(plan.tile.pixels)
            ]
            lanes = min(4, depthwise.result.type.nhwc[3])
            acc.accumulate(values, tile * in_slices + i + first, lanes)

    if chunks == 1:
        producer.fill(lane, row, column, batch, 0)
        k.barrier()
        # Only now, so that no sum takes a register before.
        acc = Accumulators(c, slice, filter, biases)
        add(acc, 0, in_slices)
    else:
        acc = Accumulators(c, slice, filter, biases)
        with k.loop("chunk", chunks) as chunk:
            first = k.let("first", chunk * plan.chunk)
            producer.fill(lane, row, column, batch, first)
            k.barrier()
            whole = in_slices % plan.chunk == 0
            add(acc, first, plan.chunk if whole else call("min", in_slices - first, plan.chunk))
            k.barrier()
    y = k.let("y", row + run // plan.width)
    x = k.let("x", column + run % plan.width)
    with k.when((y < h) & (slice < out_slices)):
        for p, s, value in acc.results():
            kept = x + p < w
            if s and out_slices % plan.tile.slices:
                kept = kept & (slice + s < out_slices)
            with k.when(kept):
                c.store(c.at(batch, y, x + p, slice + s), value)
    size = plan.invocations
    grid = (-(-w // plan.width) * size, -(-h // plan.height), n * parts)
    return c.done(grid, (size, 1, 1))


class _Producer:
    """The depthwise side: fills shared memory with a chunk of slices of the tile."""

    def __init__(self, pair: Pair, c: Context, plan: Plan, stage: Shared) -> None:
        self.op, self.between = pair.depthwise, pair.between
        self.c, self.plan, self.stage = c, plan, stage
        self.sums = Sums(self.op, c)

    def fill(self, lane: Expr, row: Expr, column: Expr, batch: Expr, first: Expr | int) -> None:
        """Computes the slices from ``first`` on; ends before the barrier."""
        plan, k, shape = self.plan, self.c.k, nhwc(self.op.result.type.shape)
        size, slices = plan.patch, self.op.result.type.slices
        across = plan.width // size.pixels
        each = across * (plan.height // size.rows)
        total = each * plan.chunk
        with k.loop("item", total, lane, plan.invocations) as item:
            depth = k.let("depth", item // each)
            part = k.let("part", item % each)
            left = k.let("left", part % across * size.pixels)
            top = k.let("top", part // across * size.rows)
            slice = k.let("channel", depth + first)
            inside = (row + top < shape[1]) & (column + left < shape[2])
            if slices % plan.chunk:
                inside = inside & (slice < slices)
            place = Place(
                shape, size.pixels, size.rows, column + left, row + top, batch, slice, slice, inside
            )
            with k.when(inside):
                for (r, p), value in patch(self.sums, place).items():
                    at = At.of(shape, batch, row + top + r, column + left + p, slice)
                    made = self.c.apply(self.between, self.op.result, at, value)
                    index = depth * plan.pixels + (top + r) * plan.width + left + p
                    k.store(self.stage, index, made)
