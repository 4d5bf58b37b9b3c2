"""Decompositions of ops that put elements at places: where these are constant, elements are taken."""

from __future__ import annotations

import math

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.concatenation import Concatenation
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.gather import Gather
from tflgpuc.ir.graph.ops.scatter_nd import ScatterND
from tflgpuc.ir.graph.ops.segment_sum import SegmentSum
from tflgpuc.ir.graph.ops.sparse_to_dense import SparseToDense
from tflgpuc.ir.graph.ops.unsorted_segment_sum import UnsortedSegmentSum
from tflgpuc.ir.graph.types import NUMPY, TensorType
from tflgpuc.passes.rules import Match
from tflgpuc.passes.spelling import decompositions, reshaped

# Larger tables of where each element comes from would take more room than they save time.
MOST_PLACES = 1 << 22


@decompositions
def segments_need_no_order(op: SegmentSum, match: Match) -> Value:
    """SEGMENT_SUM is UNSORTED_SEGMENT_SUM."""
    count = Constant(
        data=np.array(op.result.type.shape[0], np.int32), type=TensorType("i32", ())
    ).result
    return UnsortedSegmentSum(
        input=op.input, segment_ids=op.segment_ids, num_segments=count, names=op.names
    ).result


@decompositions
def scatter_to_known_places(op: ScatterND, match: Match) -> Value | None:
    """SCATTER_ND takes zeros or an update for each place, where at most one update names it."""
    known, shape = op.indices.constant, op.result.type.shape
    reason = _unknown(known, shape[: op.depth], op)
    if known is None or reason is not None:
        return match.no(reason or "")
    dtype, entry = op.updates.type.dtype, shape[op.depth :]
    if dtype not in NUMPY:
        return match.no(f"no zeros of {dtype} are known")
    rows = _numbers(known.reshape(-1, op.depth), shape[: op.depth])
    if len(np.unique(rows)) < len(rows):
        return match.no("several updates are for one place")
    table = np.zeros(math.prod(shape[: op.depth]), np.int32)
    table[rows] = np.arange(len(rows)) + 1
    zeros = np.zeros((1, *entry), NUMPY[dtype])
    zero = Constant(data=zeros, type=TensorType(dtype, zeros.shape)).result
    return _taken(zero, reshaped(op.updates, (len(rows), *entry)), table, op)


@decompositions
def sparse_places_are_known(op: SparseToDense, match: Match) -> Value | None:
    """SPARSE_TO_DENSE takes the default or a value for each place; of several the last one stays."""
    known, shape, values = op.sparse_indices.constant, op.result.type.shape, op.sparse_values
    reason = _unknown(known, shape, op)
    if known is None or reason is not None:
        return match.no(reason or "")
    rows = _numbers(op.places(known), shape)
    table = np.zeros(math.prod(shape), np.int32)
    table[rows] = np.arange(len(rows)) + 1 if values.type.rank else 1
    return _taken(
        reshaped(op.default_value, (1,)), reshaped(values, (values.type.size,)), table, op
    )


def _unknown(indices: Array | None, places: tuple[int, ...], op: Op) -> str | None:
    """Why it can't be said now where each element comes from."""
    if indices is None:
        return "the indices are computed at run time"
    if not op.results[0].type.size or math.prod(places) > MOST_PLACES:
        return "there are no places, or too many"
    return None


def _numbers(places: Array, shape: tuple[int, ...]) -> Array:
    """Rows of indices as row-major numbers."""
    return np.asarray(np.ravel_multi_index(tuple(places.T), shape))


def _taken(rest: Value, entries: Value, table: Array, op: Op) -> Value:
    """The result of ``op``: for each place the entry that ``table`` counts from 1, for 0 ``rest``."""
    both = (rest, entries) if entries.type.size else (rest,)
    choices = Concatenation(values=both, axis=0).result
    number = Constant(data=table, type=TensorType("i32", table.shape)).result
    made = Gather(params=choices, indices=number).result
    return reshaped(made, op.results[0].type.shape)
