"""Ops that compare elements along an axis, or add them up one by one."""

from __future__ import annotations

from collections.abc import Callable

from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.effort import excessive
from tflgpuc.backends.kernels.elements import element_kernel, read
from tflgpuc.backends.kernels.lanewise import Reader, lanewise
from tflgpuc.backends.kernels.sliding import slice_grid
from tflgpuc.backends.kernels.view import ZERO, Coordinates
from tflgpuc.ir.graph.arg_reduction import ArgReduction
from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.graph.ops.arg_max import ArgMax
from tflgpuc.ir.graph.ops.arg_min import ArgMin
from tflgpuc.ir.graph.ops.cumsum import Cumsum
from tflgpuc.ir.graph.ops.ranks import Ranks
from tflgpuc.ir.graph.ops.topk_indices import TopKIndices
from tflgpuc.ir.graph.types import Lanes
from tflgpuc.ir.shader import F32, I32, Expr, call, compose, const, convert, select

INFINITY = float("inf")
Visit = Callable[[Expr, Expr], None]


def along_last(c: Context, value: Value, outer: Coordinates, visit: Visit) -> None:
    """Visits each element along the last axis in order: its index, and itself.

    Slices of four channels are read in one piece.
    """
    k, view, extent = c.k, c.view(value), value.type.shape[-1]
    if view.layout == "nhwc":
        with k.loop("i", extent) as i:
            visit(i, k.let("value", view.at((*outer, i))))
        return
    batch, row, column = (ZERO,) * (3 - len(outer)) + outer

    def slice_of(slice: Expr, lanes: int) -> None:
        vector = k.let("vector", view.load(batch, row, column, slice))
        for lane in range(lanes):
            visit(slice * 4 + lane, vector.lane(lane))

    if extent >= 4:
        with k.loop("slice", extent // 4) as i:
            slice_of(i, 4)
    if extent % 4:
        slice_of(const(extent // 4, I32), extent % 4)


def finite(op: object, *operands: Lanes) -> Lanes:
    """Places are integers."""
    return "finite"


@kernel(ArgMax, ArgMin, lanes=finite, any_rank=True, narrow=True, indices="result")
def arg_reduction(op: ArgReduction, c: Context) -> Built:
    """Walks along the axis; an element has to be better than the best so far."""
    k, axis = c.k, op.along
    dims = op.input.type.shape

    def one(get: Reader, at: Coordinates) -> Expr:
        def value_at(index: Expr) -> Expr:
            return get(op.input, (*at[:axis], index, *at[axis:]))

        best = k.var("best", value_at(ZERO))
        place = k.var("place", get.same(ZERO))

        def visit(index: Expr, value: Expr) -> None:
            better = k.let("better", value > best if isinstance(op, ArgMax) else value < best)
            k.assign(best, select(better, value, best))
            k.assign(place, select(better, get.same(index), place))

        if axis == len(dims) - 1:
            along_last(c, op.input, at, visit)
        else:
            with k.loop("i", dims[axis], 1) as i:
                visit(i, k.let("value", value_at(i)))
        return place

    return lanewise(c, axis < len(dims) - 1, {"src": op.input}, one)


@element_kernel(Ranks, requires=lambda op: excessive(op, op.input.type.shape[-1]), narrow=True)
def ranks(op: Ranks, c: Context, at: Coordinates) -> Expr:
    """Counts what comes before; NaNs are the least."""
    k = c.k

    def ordered(value: Expr) -> Expr:
        return select(call("isnan", value), -INFINITY, value) if value.type == F32 else value

    own = k.let("own", ordered(read(c, op.input, at)))
    count = k.var("count", ZERO)

    def visit(index: Expr, value: Expr) -> None:
        other = k.let("other", ordered(value))
        before = (other > own) | (other.eq(own) & (index < at[-1]))
        k.add(count, convert(before, "i32"))

    along_last(c, op.input, at[:-1], visit)
    return count


@element_kernel(TopKIndices, requires=lambda op: excessive(op, op.ranks.type.shape[-1]))
def topk_indices(op: TopKIndices, c: Context, at: Coordinates) -> Expr:
    """Looks for the element of this rank."""
    k = c.k
    place = k.var("place", ZERO)

    def visit(index: Expr, rank: Expr) -> None:
        k.assign(place, select(rank.eq(at[-1]), index, place))

    along_last(c, op.ranks, at[:-1], visit)
    return place


def sum_lanes(op: Cumsum, x: Lanes, *rest: Lanes) -> Lanes:
    """Sums along other axes than channels go lane by lane."""
    return "zero" if x == "zero" and op.along < op.input.type.rank - 1 else "any"


def few_sums(op: Cumsum) -> str | None:
    """Whether each output can add up what comes before it."""
    return excessive(op, op.input.type.shape[op.along])


@kernel(Cumsum, lanes=sum_lanes, requires=few_sums, any_rank=True)
def cumsum(op: Cumsum, c: Context) -> Built:
    """Each output adds up what comes before it, in TFLite's order."""
    axis, x = op.along, c.view(op.input)
    if axis == op.input.type.rank - 1 and c.output.layout == x.layout == "phwc4":
        return _along_channels(op, c)
    k, extent = c.k, op.input.type.shape[axis]

    def one(get: Reader, at: Coordinates) -> Expr:
        total = k.var("total", get.number(0, op.input.type.dtype))
        count = extent - 1 - at[axis] if op.reverse else at[axis]
        with k.loop("i", count if op.exclusive else count + 1) as i:
            index = extent - 1 - i if op.reverse else i
            k.add(total, get(op.input, (*at[:axis], index, *at[axis + 1 :])))
        return total

    return lanewise(c, axis < op.input.type.rank - 1, {"src": op.input}, one)


def _along_channels(op: Cumsum, c: Context) -> Built:
    """Four channels an invocation: what comes before them is added up slice by slice."""
    k, x = c.k, c.view(op.input)
    slices = x.slices
    order = (3, 2, 1, 0) if op.reverse else (0, 1, 2, 3)
    place, grid = slice_grid(c, 1)
    with k.when(place.inside):

        def slice_at(slice: Expr) -> Expr:
            made = x.load(place.batch, place.row, place.column, slice)
            # Sums from the end start with the padding lanes.
            return k.let("vector", x.mask(made, slice, 0) if op.reverse else made)

        total = k.var("total", x.zero)
        before = (slices - 1) - place.slice if op.reverse else place.slice
        with k.loop("i", before) as i:
            vector = slice_at(slices - 1 - i if op.reverse else i)
            for lane in order:
                k.add(total, vector.lane(lane))
        vector = slice_at(place.slice)
        lanes = [x.zero] * 4
        for lane in order:
            if op.exclusive:
                lanes[lane] = k.let(f"lane{lane}", total)
            k.add(total, vector.lane(lane))
            if not op.exclusive:
                lanes[lane] = k.let(f"lane{lane}", total)
        c.store(place.at(0), compose(*lanes))
    return c.done(grid)
