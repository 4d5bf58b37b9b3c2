"""Gives every computation one spelling, so that later passes look for one thing."""

from __future__ import annotations

import dataclasses

import tflgpuc.passes.identities
import tflgpuc.passes.movement  # noqa: F401  their rules
from tflgpuc.backends.kernels.constants import is_byte_weights
from tflgpuc.ir.graph.fused_activation import ACTIVATIONS, activation
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.cast import Cast
from tflgpuc.ir.graph.ops.concatenation import Concatenation
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.convolution_2d_transpose_bias import Convolution2DTransposeBias
from tflgpuc.ir.graph.ops.dequantize import Dequantize
from tflgpuc.ir.graph.ops.expand_dims import ExpandDims
from tflgpuc.ir.graph.ops.fully_connected import FullyConnected
from tflgpuc.ir.graph.ops.pad import Pad
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.ops.resize_bilinear import ResizeBilinear
from tflgpuc.ir.graph.ops.resize_nearest_neighbor import ResizeNearestNeighbor
from tflgpuc.ir.graph.ops.slice import Slice
from tflgpuc.ir.graph.ops.squeeze import Squeeze
from tflgpuc.ir.graph.ops.strided_slice import StridedSlice
from tflgpuc.ir.graph.ops.transpose_conv import TransposeConv
from tflgpuc.ir.graph.reduction import Reduction
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass
from tflgpuc.passes.rules import Match
from tflgpuc.passes.spelling import canonical, ints, reshaped


class Canonicalize(GraphPass, name="canonicalize"):
    """Splits off fused activations, spells shape changes as reshapes, drops ops that do nothing.

    Its rules change no result by a bit: the arithmetic of quantised ops depends on that.
    """

    def run(self, graph: Graph, target: Target) -> Graph:
        return canonical.apply(graph, target)


@canonical
def split_activation(op: Op, match: Match) -> Value | None:
    """An op with a fused activation is the op, then the activation."""
    name = op.attributes.get("fused_activation_function", "NONE")
    if name not in ACTIVATIONS:
        return None
    plain = dataclasses.replace(op, fused_activation_function="NONE")  # type: ignore[call-arg]
    return activation(name, plain.result)


@canonical
def keep_reduced_axes(op: Reduction, match: Match) -> Value | None:
    """A reduction keeps its axes; a reshape drops them."""
    if op.keep_dims:
        return None
    return reshaped(dataclasses.replace(op, keep_dims=True).result, op.result.type.shape)


@canonical
def flatten_fully_connected(op: FullyConnected, match: Match) -> Value | None:
    """A fully connected layer reads rows of exactly its input size."""
    depth = op.weights.type.shape[1]
    rows = op.input.type.size // depth
    if op.input.type.shape == (rows, depth):
        return None
    flat = dataclasses.replace(op, input=reshaped(op.input, (rows, depth)), keep_num_dims=False)
    return reshaped(flat.result, op.result.type.shape)


@canonical
def filter_stays_quantised(op: Conv2D, match: Match) -> Value | None:
    """A convolution's kernel reads large weights as bytes."""
    kept = _bytes_of(op.filter) if op.groups == 1 else None
    return None if kept is None else dataclasses.replace(op, filter=kept).result


@canonical
def weights_stay_quantised(op: FullyConnected, match: Match) -> Value | None:
    """A fully connected layer's kernel reads large weights as bytes."""
    kept = _bytes_of(op.weights)
    return None if kept is None else dataclasses.replace(op, weights=kept).result


def _bytes_of(value: Value) -> Value | None:
    """The constant that a value is dequantised from, if kernels can read it."""
    if not isinstance(value.op, Dequantize) or not is_byte_weights(value.op.input):
        return None
    return value.op.input


@canonical
def squeeze_is_reshape(op: Squeeze, match: Match) -> Value | None:
    """SQUEEZE changes the shape only."""
    return Reshape(tensor=op.input, new_shape=op.result.type.shape, names=op.names).result


@canonical
def expand_dims_is_reshape(op: ExpandDims, match: Match) -> Value | None:
    """EXPAND_DIMS changes the shape only."""
    return Reshape(tensor=op.input, new_shape=op.result.type.shape, names=op.names).result


@canonical
def reshape_of_reshape(op: Reshape, match: Match) -> Value | None:
    """Only the last of two reshapes counts; one to the same shape doesn't."""
    if op.tensor.type.shape == op.result.type.shape:
        return op.tensor
    if isinstance(op.tensor.op, Reshape):
        inner = op.tensor.op.tensor
        if inner.type.shape == op.result.type.shape:
            return inner
        return Reshape(tensor=inner, new_shape=op.result.type.shape, names=op.names).result
    if op.shape is not None and op.result.type.shape:
        return Reshape(tensor=op.tensor, new_shape=op.result.type.shape, names=op.names).result
    return None


@canonical
def transpose_bias_is_transpose_conv(op: Convolution2DTransposeBias, match: Match) -> Value | None:
    """MediaPipe's custom op is TRANSPOSE_CONV with a bias."""
    return TransposeConv(
        output_shape=ints(list(op.result.type.shape)),
        weights=op.filter,
        input=op.input,
        bias=op.bias,
        padding=op.padding,
        stride_w=op.stride_w,
        stride_h=op.stride_h,
        names=op.names,
    ).result


@canonical
def same_size_resize(op: ResizeBilinear, match: Match) -> Value | None:
    """Resizing to the same size gives the input."""
    return op.input if op.input.type.shape == op.result.type.shape else None


@canonical
def same_size_nearest(op: ResizeNearestNeighbor, match: Match) -> Value | None:
    """Resizing to the same size gives the input."""
    return op.input if op.input.type.shape == op.result.type.shape else None


@canonical
def one_input_concatenation(op: Concatenation, match: Match) -> Value | None:
    """Concatenating one tensor gives it; empty ones don't count."""
    full = tuple(v for v in op.values if v.type.size)
    if len(full) == 1:
        return full[0]
    if full and len(full) < len(op.values):
        return dataclasses.replace(op, values=full).result
    return None


@canonical
def no_padding(op: Pad, match: Match) -> Value | None:
    """Padding by nothing gives the input."""
    return op.input if op.input.type.shape == op.result.type.shape else None


@canonical
def whole_slice(op: Slice, match: Match) -> Value | None:
    """A slice of everything gives the input."""
    return op.input if op.input.type.shape == op.result.type.shape else None


@canonical
def whole_strided_slice(op: StridedSlice, match: Match) -> Value | None:
    """A strided slice of everything in order gives the input."""
    strides = op.strides.constant
    same = op.input.type.shape == op.result.type.shape
    return op.input if same and strides is not None and (strides > 0).all() else None


@canonical
def same_type_cast(op: Cast, match: Match) -> Value | None:
    """A cast to the same type gives the input."""
    return op.input if op.input.type.dtype == op.result.type.dtype else None
