"""Spells ops as others that kernels compute: splits as slices, stacks as concatenations."""

from __future__ import annotations

import dataclasses
import math
from itertools import accumulate

import numpy as np

import tflgpuc.passes.decompose_more
import tflgpuc.passes.decompose_recurrent
import tflgpuc.passes.decompose_results  # noqa: F401  its rules
from tflgpuc.ir.graph.fused_activation import activation
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.add_n import AddN
from tflgpuc.ir.graph.ops.batch_matmul import BatchMatmul
from tflgpuc.ir.graph.ops.broadcast_to import BroadcastTo
from tflgpuc.ir.graph.ops.concatenation import Concatenation
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.div import Div
from tflgpuc.ir.graph.ops.fill import Fill
from tflgpuc.ir.graph.ops.fully_connected import FullyConnected
from tflgpuc.ir.graph.ops.l2_normalization import EPSILON, L2Normalization
from tflgpuc.ir.graph.ops.log_softmax import LogSoftmax
from tflgpuc.ir.graph.ops.maximum import Maximum
from tflgpuc.ir.graph.ops.pack import Pack
from tflgpuc.ir.graph.ops.reverse_v2 import ReverseV2
from tflgpuc.ir.graph.ops.select import Select
from tflgpuc.ir.graph.ops.select_v2 import SelectV2
from tflgpuc.ir.graph.ops.slice import Slice
from tflgpuc.ir.graph.ops.softmax import Softmax
from tflgpuc.ir.graph.ops.split import Split
from tflgpuc.ir.graph.ops.split_v import SplitV
from tflgpuc.ir.graph.ops.sqrt import Sqrt
from tflgpuc.ir.graph.ops.square import Square
from tflgpuc.ir.graph.ops.strided_slice import StridedSlice
from tflgpuc.ir.graph.ops.sum import Sum
from tflgpuc.ir.graph.ops.unpack import Unpack
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass
from tflgpuc.passes.rules import Match
from tflgpuc.passes.spelling import decompositions, ints, reshaped


class Decompose(GraphPass, name="decompose"):
    """Spells splits, stacks, reversals and the like as slices, concatenations and arithmetic."""

    def run(self, graph: Graph, target: Target) -> Graph:
        return decompositions.apply(graph, target)


def parts(value: Value, axis: int, sizes: list[int], names: tuple[str, ...]) -> tuple[Value, ...]:
    """Consecutive slices of a value along an axis."""
    shape = value.type.shape
    found = []
    for i, (size, stop) in enumerate(zip(sizes, accumulate(sizes), strict=True)):
        begin = [stop - size if a == axis else 0 for a in range(len(shape))]
        extent = [size if a == axis else e for a, e in enumerate(shape)]
        cut = Slice(input=value, begin=ints(begin), size=ints(extent), names=names[i : i + 1])
        found.append(cut.result)
    return tuple(found)


@decompositions
def split_is_slices(op: Split, match: Match) -> tuple[Value, ...]:
    """SPLIT gives equal slices."""
    size = op.value.type.shape[op.along] // op.num_splits
    return parts(op.value, op.along, [size] * op.num_splits, op.names)


@decompositions
def split_v_is_slices(op: SplitV, match: Match) -> tuple[Value, ...]:
    """SPLIT_V gives slices."""
    return parts(op.value, op.along, list(op.sizes), op.names)


@decompositions
def unpack_is_slices(op: Unpack, match: Match) -> tuple[Value, ...]:
    """UNPACK gives slices of one element without their axis."""
    cuts = parts(op.value, op.along, [1] * op.num, op.names)
    return tuple(reshaped(v, r.type.shape) for v, r in zip(cuts, op.results, strict=True))


@decompositions
def pack_is_concatenation(op: Pack, match: Match) -> Value:
    """PACK joins its values along an axis of 1 that each is given."""
    shape = op.values[0].type.shape
    one = (*shape[: op.along], 1, *shape[op.along :])
    wide = tuple(reshaped(v, one) for v in op.values)
    return Concatenation(values=wide, axis=op.along, names=op.names).result


@decompositions
def reversal_is_a_slice(op: ReverseV2, match: Match) -> Value:
    """REVERSE_V2 is a slice that goes backwards."""
    shape = op.tensor.type.shape
    back = [axis in op.axes for axis in range(len(shape))]
    mask = sum(1 << axis for axis, reverse in enumerate(back) if reverse)
    return StridedSlice(
        input=op.tensor,
        begin=ints([e - 1 if r else 0 for e, r in zip(shape, back, strict=True)]),
        end=ints([0 if r else e for e, r in zip(shape, back, strict=True)]),
        strides=ints([-1 if r else 1 for r in back]),
        end_mask=mask,
        names=op.names,
    ).result


@decompositions
def selection_broadcasts(op: Select, match: Match) -> Value:
    """SELECT takes a condition for each entry of the first axis too, SELECT_V2 one that broadcasts."""
    condition, shape = op.condition, op.x.type.shape
    if op.by_rows:
        condition = reshaped(condition, (*condition.type.shape, *(1,) * (len(shape) - 1)))
    elif condition.type.size == 1:
        condition = reshaped(condition, ())
    return SelectV2(condition=condition, x=op.x, y=op.y, names=op.names).result


@decompositions
def fill_is_a_broadcast(op: Fill, match: Match) -> Value:
    """FILL repeats one number."""
    return BroadcastTo(input=reshaped(op.value, ()), shape=op.dims, names=op.names).result


@decompositions
def layer_of_runtime_weights_is_a_product(op: FullyConnected, match: Match) -> Value | None:
    """FULLY_CONNECTED with weights computed at run time multiplies two matrices."""
    if op.weights.constant is not None and (op.bias is None or op.bias.constant is not None):
        return match.no("its weights are constant")
    if op.weights_format != "DEFAULT" or op.input.type.dtype != "f32":
        return match.no("its weights are in another order or type")
    depth = op.weights.type.shape[1]
    rows = reshaped(op.input, (op.input.type.size // depth, depth))
    made = BatchMatmul(x=rows, y=op.weights, adj_y=True).result
    if op.bias is not None:
        made = Add(lhs=made, rhs=op.bias).result
    made = activation(op.fused_activation_function, made)
    return reshaped(made, op.result.type.shape)


@decompositions
def softmax_of_rows(op: Softmax, match: Match) -> Value | None:
    """A softmax of more than four axes is one of rows."""
    return _of_rows(op, op.input)


@decompositions
def log_softmax_of_rows(op: LogSoftmax, match: Match) -> Value | None:
    """A logarithmic softmax of more than four axes is one of rows."""
    return _of_rows(op, op.input)


def _of_rows(op: Softmax | LogSoftmax, input: Value) -> Value | None:
    shape = input.type.shape
    if len(shape) <= 4:
        return None
    rows = reshaped(input, (math.prod(shape[:-1]), shape[-1]))
    return reshaped(dataclasses.replace(op, input=rows).result, shape)


@decompositions
def add_n_is_adds(op: AddN, match: Match) -> Value:
    """ADD_N is a chain of sums of two."""
    total = op.inputs[0]
    for value in op.inputs[1:]:
        total = Add(lhs=total, rhs=value).result
    return total


@decompositions
def normalization_is_arithmetic(op: L2Normalization, match: Match) -> Value:
    """L2_NORMALIZATION divides by the root of the sum of squares."""
    axis = ints([op.input.type.rank - 1])
    squares = Sum(input=Square(x=op.input).result, axis=axis, keep_dims=True).result
    least = Constant(data=np.array(EPSILON, np.float32), type=TensorType("f32", ())).result
    norm = Maximum(lhs=Sqrt(x=squares).result, rhs=least).result
    return Div(lhs=op.input, rhs=norm, names=op.names).result


@decompositions
def plain_strided_slice(op: StridedSlice, match: Match) -> Value | None:
    """Entries that drop, add or stand for axes become a slice of every axis, then a reshape."""
    if not op.ellipsis_mask | op.new_axis_mask | op.shrink_axis_mask:
        return None
    ranges = [range(p, p + 1) if isinstance(p, int) else p for p in op.index if p is not None]
    # A range down to the first element has no plain end; a mask says it.
    open_ends = sum(1 << i for i, r in enumerate(ranges) if r.step < 0 and r.stop < 0)
    plain = StridedSlice(
        input=op.input,
        begin=ints([r.start for r in ranges]),
        end=ints([r.stop for r in ranges]),
        strides=ints([r.step for r in ranges]),
        end_mask=open_ends,
        names=op.names,
    )
    return reshaped(plain.result, op.result.type.shape)
