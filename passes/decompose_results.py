"""Decompositions of ops that other ops spell exactly: several results as one each, StableHLO's."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.elementwise import Binary
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.dilate import Dilate
from tflgpuc.ir.graph.ops.embedding_lookup import EmbeddingLookup
from tflgpuc.ir.graph.ops.gather import Gather
from tflgpuc.ir.graph.ops.logical_and import LogicalAnd
from tflgpuc.ir.graph.ops.logical_or import LogicalOr
from tflgpuc.ir.graph.ops.max_pool_2d import MaxPool2D
from tflgpuc.ir.graph.ops.max_pool_argmax import MaxPoolArgmax
from tflgpuc.ir.graph.ops.max_pooling_with_argmax_2d import MaxPoolingWithArgmax2D
from tflgpuc.ir.graph.ops.maximum import Maximum
from tflgpuc.ir.graph.ops.minimum import Minimum
from tflgpuc.ir.graph.ops.mul import Mul
from tflgpuc.ir.graph.ops.padv2 import Padv2
from tflgpuc.ir.graph.ops.rank import Rank
from tflgpuc.ir.graph.ops.ranks import Ranks
from tflgpuc.ir.graph.ops.shape import Shape
from tflgpuc.ir.graph.ops.stablehlo_add import StablehloAdd
from tflgpuc.ir.graph.ops.stablehlo_and import StablehloAnd
from tflgpuc.ir.graph.ops.stablehlo_maximum import StablehloMaximum
from tflgpuc.ir.graph.ops.stablehlo_minimum import StablehloMinimum
from tflgpuc.ir.graph.ops.stablehlo_multiply import StablehloMultiply
from tflgpuc.ir.graph.ops.stablehlo_pad import StablehloPad
from tflgpuc.ir.graph.ops.topk_indices import TopKIndices
from tflgpuc.ir.graph.ops.topk_v2 import TopKV2
from tflgpuc.ir.graph.ops.zeros_like import ZerosLike
from tflgpuc.ir.graph.types import NUMPY, TensorType
from tflgpuc.passes.rules import Match
from tflgpuc.passes.spelling import decompositions

PLAIN: dict[type[Op], type[Binary]] = {
    StablehloAdd: Add,
    StablehloMultiply: Mul,
    StablehloMaximum: Maximum,
    StablehloMinimum: Minimum,
}
OF_BOOLS: dict[type[Op], type[Binary]] = {
    StablehloAdd: LogicalOr,
    StablehloMultiply: LogicalAnd,
    StablehloMaximum: LogicalOr,
    StablehloMinimum: LogicalAnd,
    StablehloAnd: LogicalAnd,
}


@decompositions
def top_elements_are_gathered(op: TopKV2, match: Match) -> tuple[Value, ...]:
    """TOPK_V2 numbers each row's elements, finds the first numbers, and takes what is there."""
    indices = TopKIndices(ranks=Ranks(input=op.input).result, k=op.count, names=op.names[1:]).result
    values = Gather(
        params=op.input,
        indices=indices,
        axis=op.input.type.rank - 1,
        batch_dims=op.input.type.rank - 1,
        names=op.names[:1],
    )
    return values.result, indices


@decompositions
def pooling_with_places_is_two_ops(op: MaxPoolingWithArgmax2D, match: Match) -> tuple[Value, ...]:
    """MaxPoolingWithArgmax2D gives the greatest elements and where they are."""
    attributes = {k: v for k, v in op.attributes.items() if k != "fused_activation_function"}
    values = MaxPool2D(
        input=op.input,
        fused_activation_function=op.fused_activation_function,
        names=op.names[:1],
        **attributes,
    )
    return values.result, MaxPoolArgmax(input=op.input, names=op.names[1:], **attributes).result


@decompositions
def embedding_is_a_gather(op: EmbeddingLookup, match: Match) -> Value | None:
    """EMBEDDING_LOOKUP takes rows."""
    if op.hybrid is not None:
        return match.no("it turns a quantised table into real numbers")
    return Gather(params=op.value, indices=op.ids, names=op.names).result


@decompositions
def zeros_are_constant(op: ZerosLike, match: Match) -> Value | None:
    """ZEROS_LIKE doesn't depend on anything but a shape."""
    type = op.result.type
    if type.dynamic or type.dtype not in NUMPY:
        return match.no("its shape is only known at run time")
    # All elements are views of one.
    return _known(op, np.broadcast_to(np.zeros((), NUMPY[type.dtype]), type.shape))


@decompositions
def rank_is_constant(op: Rank, match: Match) -> Value:
    """RANK is known."""
    return _known(op, np.array(op.input.type.rank, np.int32))


@decompositions
def shape_is_constant(op: Shape, match: Match) -> Value | None:
    """SHAPE is known where no axis is open."""
    if op.input.type.dynamic:
        return match.no("an axis is only known at run time")
    dtype = NUMPY[op.result.type.dtype]
    return _known(op, np.array(op.input.type.shape, dtype).reshape(-1))


def _known(op: Op, data: Array) -> Value:
    (old,) = op.results
    type = TensorType(old.type.dtype, old.type.shape, quantization=old.type.quantization)
    return Constant(data=data, type=type, names=op.names).result


@decompositions
def stablehlo_is_tflite(op: Binary, match: Match) -> Value | None:
    """Some of StableHLO's ops are TFLite's; of bools they are logical ones."""
    table = OF_BOOLS if op.lhs.type.dtype == "bool" else PLAIN
    cls = table.get(type(op))
    return None if cls is None else cls(lhs=op.lhs, rhs=op.rhs, names=op.names).result


@decompositions
def dilation_is_padding(op: Dilate, match: Match) -> Value:
    """DILATE pads between elements."""
    none = (0,) * op.input.type.rank
    return StablehloPad(
        operand=op.input,
        padding_value=op.padding_value,
        edge_padding_low=none,
        edge_padding_high=none,
        interior_padding=tuple(step - 1 for step in op.steps),
        names=op.names,
    ).result


@decompositions
def plain_padding(op: StablehloPad, match: Match) -> Value | None:
    """STABLEHLO_PAD that only adds edges is PADV2."""
    edges = (*op.edge_padding_low, *op.edge_padding_high)
    if any(op.interior_padding) or min((0, *edges)) < 0:
        return match.no("it cuts off, or pads between elements")
    widths = zip(op.edge_padding_low, op.edge_padding_high, strict=True)
    flat = np.array(list(widths), np.int32).reshape(-1, 2)
    paddings = Constant(data=flat, type=TensorType("i32", flat.shape)).result
    return Padv2(
        input=op.operand, paddings=paddings, constant_values=op.padding_value, names=op.names
    ).result
