"""Replaces ops by cheaper ones that compute the same."""

from __future__ import annotations

import dataclasses

import numpy as np

from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Value, merged_sources
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.concatenation import Concatenation
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tflgpuc.ir.graph.ops.fully_connected import FullyConnected
from tflgpuc.ir.graph.ops.pad import Pad
from tflgpuc.ir.graph.ops.transpose_conv import TransposeConv
from tflgpuc.ir.graph.spatial import window
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass
from tflgpuc.passes.dense import chains, pools
from tflgpuc.passes.functions import functions
from tflgpuc.passes.normalization import normalizations
from tflgpuc.passes.rules import Match, Rules
from tflgpuc.passes.scaling import scaling
from tflgpuc.passes.siblings import widen_siblings
from tflgpuc.passes.split_inputs import split_inputs

substitutions = Rules("substitute")

Biased = Conv2D | DepthwiseConv2D | TransposeConv | FullyConnected


class Substitute(GraphPass, name="substitute"):
    """Recognises what kernels compute at once, folds constants into weights, joins small layers.

    Unlike canonicalize's, its rules may change results by a rounding.
    """

    def run(self, graph: Graph, target: Target) -> Graph:
        for rules in (
            normalizations,
            functions,
            scaling,
            substitutions,
            split_inputs,
            pools,
            chains,
        ):
            graph = rules.apply(graph, target)
        return widen_siblings(graph, target)


@substitutions
def pad_into_conv(op: Conv2D, match: Match) -> Value | None:
    """A convolution of a zero-padded input pads by itself."""
    return _padded(op, match)


@substitutions
def pad_into_depthwise(op: DepthwiseConv2D, match: Match) -> Value | None:
    """A depthwise convolution of a zero-padded input pads by itself."""
    return _padded(op, match)


@substitutions
def groups_of_one_channel_are_depthwise(op: Conv2D, match: Match) -> Value | None:
    """A convolution whose groups have one input channel each is a depthwise one."""
    data = op.filter.constant
    if data is None or op.groups == 1 or data.shape[3] != 1 or data.dtype.kind != "f":
        return match.no("its groups have several channels, or its filter isn't known")
    turned = np.ascontiguousarray(data[..., 0].transpose(1, 2, 0))[None]
    filter = Constant(data=turned, type=TensorType(op.filter.type.dtype, turned.shape))
    same = ("input", "bias", "padding", "pads", "stride_w", "stride_h", "dilation_w_factor",
            "dilation_h_factor", "fused_activation_function", "names")  # fmt: skip
    return DepthwiseConv2D(
        filter=filter.result,
        depth_multiplier=op.filter.type.shape[0] // op.groups,
        **{field: getattr(op, field) for field in same},
    ).result


def _padded(op: Conv2D | DepthwiseConv2D, match: Match) -> Value | None:
    pad = op.input.op
    if not isinstance(pad, Pad):
        return None
    amounts = pad.paddings.constant
    if amounts is None or amounts.shape != (4, 2):
        return match.no("the padding isn't a constant of four axes")
    if amounts[[0, 3]].any() or (amounts < 0).any():
        return match.no("it pads batch or channels")
    top, bottom, left, right = window(op)
    pads = (
        top + int(amounts[1, 0]),
        bottom + int(amounts[1, 1]),
        left + int(amounts[2, 0]),
        right + int(amounts[2, 1]),
    )
    return dataclasses.replace(
        op,
        input=pad.input,
        padding="EXPLICIT",
        pads=pads,
        sources=merged_sources(pad, op),
    ).result


@substitutions
def add_into_bias(op: Add, match: Match) -> Value | None:
    """A constant per channel added to a convolution's result is part of its bias."""
    for conv_value, other in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        conv, data = conv_value.op, other.constant
        if not isinstance(conv, Biased) or data is None:
            continue
        if op.result.type.shape != conv_value.type.shape or op.fused_activation_function != "NONE":
            return match.no("the sum is broadcast or activated")
        if conv.fused_activation_function != "NONE" or not match.only_use(conv_value):
            return match.no("the convolution's own result is needed")
        channels = conv_value.type.shape[-1]
        if data.size not in (1, channels) or (data.size > 1 and data.shape[-1] != channels):
            return match.no("the constant isn't one number a channel")
        bias = np.resize(data.reshape(-1), channels).astype(np.float32)
        if conv.bias is not None:
            if conv.bias.constant is None:
                return match.no("the bias is computed at run time")
            bias = bias + conv.bias.constant
        merged = Constant(data=bias, type=TensorType("f32", (channels,))).result
        return dataclasses.replace(
            conv, bias=merged, sources=merged_sources(conv, op), names=op.names
        ).result
    return None


@substitutions
def split_concatenation(op: Concatenation, match: Match) -> Value | None:
    """Channels that don't start at a multiple of four are merged a few tensors at a time."""
    limit = match.target.storage_blocks - 2
    last = op.axis % op.result.type.rank == op.result.type.rank - 1
    aligned = all(v.type.shape[-1] % 4 == 0 for v in op.values[:-1])
    if not last or aligned or len(op.values) <= limit:
        return None
    head = dataclasses.replace(op, values=op.values[:limit], names=()).result
    return dataclasses.replace(op, values=(head, *op.values[limit:])).result
