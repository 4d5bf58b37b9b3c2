"""Ops that put elements where numbers computed at run time say: each output looks for its own."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.effort import excessive
from tflgpuc.backends.kernels.elements import read, unravel
from tflgpuc.backends.kernels.lanewise import Reader, lanewise
from tflgpuc.backends.kernels.view import ZERO, Coordinates
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.scatter_nd import ScatterND
from tflgpuc.ir.graph.ops.sparse_to_dense import SparseToDense
from tflgpuc.ir.graph.ops.unsorted_segment_max import UnsortedSegmentMax
from tflgpuc.ir.graph.ops.unsorted_segment_min import UnsortedSegmentMin
from tflgpuc.ir.graph.ops.unsorted_segment_prod import UnsortedSegmentProd
from tflgpuc.ir.graph.ops.unsorted_segment_sum import UnsortedSegmentSum
from tflgpuc.ir.graph.segments import UnsortedSegments
from tflgpuc.ir.graph.types import NUMPY, Lanes
from tflgpuc.ir.shader import Expr, call


def zeros_kept(op: Op, indices: Lanes, updates: Lanes, *rest: Lanes) -> Lanes:
    """Sums of padding lanes."""
    return "zero" if updates == "zero" else "any"


def few_updates(op: ScatterND) -> str | None:
    """Whether outputs can look at every update."""
    return excessive(op, math.prod(op.indices.type.shape[:-1]))


@kernel(ScatterND, lanes=zeros_kept, requires=few_updates, any_rank=True, indices="indices")
def scatter_nd(op: ScatterND, c: Context) -> Built:
    """Adds the updates that name the output's place; bools are true where one of them is."""
    outer, depth = op.indices.type.shape[:-1], op.depth
    dtype = op.updates.type.dtype

    def one(get: Reader, at: Coordinates) -> Expr:
        k = c.k
        total = k.var("total", get.number(0, dtype))
        with k.loop("i", math.prod(outer)) as i:
            entry = unravel(k, i, outer)
            with k.when(_names(c, op.indices, entry, at[:depth])):
                value = get(op.updates, (*entry, *at[depth:]))
                k.assign(total, total | value if dtype == "bool" else total + value)
        return total

    whole = depth < len(op.result.type.shape)
    return lanewise(c, whole, {"updates": op.updates}, one)


def _names(c: Context, indices: Value, entry: Coordinates, place: Sequence[Expr]) -> Expr:
    """Whether a row of indices is a place."""
    found = [
        read(c, indices, (*entry, ZERO + axis), "indices").eq(index)
        for axis, index in enumerate(place)
    ]
    made = found[0]
    for same in found[1:]:
        made = made & same
    return made


def few_values(op: SparseToDense) -> str | None:
    """Whether outputs can look at every value."""
    if not op.result.type.rank:
        return "its result is a single number"
    return excessive(op, op.sparse_indices.type.shape[0] if op.sparse_indices.type.rank else 1)


@kernel(SparseToDense, requires=few_values, any_rank=True, narrow=True, indices="sparse_indices")
def sparse_to_dense(op: SparseToDense, c: Context) -> Built:
    """The last value for a place stays."""
    indices = op.sparse_indices

    def one(get: Reader, at: Coordinates) -> Expr:
        k = c.k
        made = k.var("made", get.only(op.default_value, "default"))
        with k.loop("i", indices.type.shape[0] if indices.type.rank else 1) as i:
            if indices.type.rank == 2:
                here = _names(c, indices, (i,), at)
            else:
                here = read(c, indices, (i,) * indices.type.rank, "indices").eq(at[0])
            with k.when(here):
                k.assign(
                    made, read(c, op.sparse_values, (i,) * op.sparse_values.type.rank, "values")
                )
        return made

    return lanewise(c, False, {}, one)


def few_entries(op: UnsortedSegments) -> str | None:
    """Whether outputs can look at every entry."""
    return excessive(op, op.segment_ids.type.size)


def segment_lanes(op: Op, x: Lanes, *rest: Lanes) -> Lanes:
    """Sums of zeros are zeros."""
    return "zero" if x == "zero" and isinstance(op, UnsortedSegmentSum) else "any"


@kernel(
    UnsortedSegmentSum, UnsortedSegmentProd, UnsortedSegmentMax, UnsortedSegmentMin,
    lanes=segment_lanes, requires=few_entries, any_rank=True, indices="segment_ids",
)  # fmt: skip
def unsorted_segments(op: UnsortedSegments, c: Context) -> Built:
    """Folds the entries whose id is the output's first coordinate."""
    outer = op.segment_ids.type.shape
    dtype = op.input.type.dtype

    def one(get: Reader, at: Coordinates) -> Expr:
        k = c.k
        folded = k.var("folded", get.number(op.start(NUMPY[dtype]), dtype))
        with k.loop("i", math.prod(outer)) as i:
            entry = unravel(k, i, outer)
            with k.when(read(c, op.segment_ids, entry, "ids").eq(at[0])):
                value = k.let("value", get(op.input, (*entry, *at[1:])))
                match op:
                    case UnsortedSegmentSum():
                        k.add(folded, value)
                    case UnsortedSegmentProd():
                        k.assign(folded, value, "*")
                    case UnsortedSegmentMax():
                        k.assign(folded, call("max", folded, value))
                    case _:
                        k.assign(folded, call("min", folded, value))
        return folded

    whole = op.input.type.rank > len(outer)
    return lanewise(c, whole, {"src": op.input}, one)
