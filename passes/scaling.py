"""Folds scales and shifts by constants into the weights and biases of the layers next to them."""

from __future__ import annotations

import dataclasses

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value, merged_sources
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tflgpuc.ir.graph.ops.div import Div
from tflgpuc.ir.graph.ops.fully_connected import FullyConnected
from tflgpuc.ir.graph.ops.mul import Mul
from tflgpuc.ir.graph.ops.sub import Sub
from tflgpuc.ir.graph.ops.transpose_conv import TransposeConv
from tflgpuc.ir.graph.spatial import window
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.passes.rules import Match, Rules

scaling = Rules("scaling")

Layer = Conv2D | DepthwiseConv2D | TransposeConv | FullyConnected
Scaled = Mul | Div
Shifted = Add | Sub


@scaling
def scale_after(op: Mul | Div, match: Match) -> Value | None:
    """A layer's result times a number a channel: its weights and bias are, instead."""
    found = _by_constant(op)
    if found is None:
        return None
    value, numbers = found
    layer = value.op
    if not isinstance(layer, Layer) or layer.fused_activation_function != "NONE":
        return None
    if not match.only_use(value) or value.type.shape != op.result.type.shape:
        return match.no("the layer's own result is needed, or is broadcast")
    factors = _per_channel(numbers, value.type.shape[-1])
    weights, bias = _weights(layer), _bias(layer)
    if factors is None or weights is None or (layer.bias is not None and bias is None):
        return match.no("the numbers, the weights or the bias aren't plain constants")
    made = weights * (
        factors if isinstance(layer, DepthwiseConv2D) else _first_axis(factors, weights)
    )
    shifted = None if bias is None else bias * factors
    return _replaced(layer, made, shifted, op, input=layer.input)


@scaling
def scale_before(
    op: Conv2D | DepthwiseConv2D | TransposeConv | FullyConnected, match: Match
) -> Value | None:
    """What a layer reads times a number a channel: its weights are, instead. Padding is zero anyway."""
    scaled = op.input.op
    found = _by_constant(scaled) if isinstance(scaled, Scaled) else None
    if found is None or scaled is None:
        return None
    if not match.only_use(op.input):
        return match.no("others read the product, too")
    value, numbers = found
    weights = _weights(op)
    factors = _per_input(op, numbers)
    if weights is None or factors is None or value.type.shape != op.input.type.shape:
        return match.no("the numbers or the weights aren't plain constants a channel")
    return _replaced(op, weights * factors, _bias(op), scaled, op, input=value)


@scaling
def shift_before(op: Conv2D | DepthwiseConv2D | FullyConnected, match: Match) -> Value | None:
    """What a layer reads plus a number a channel: what that comes to is part of its bias.

    Only without padding, since zeros are padded after the shift.
    """
    shifted = op.input.op
    found = _shift(shifted) if isinstance(shifted, Shifted) else None
    if found is None or shifted is None:
        return None
    if not match.only_use(op.input):
        return match.no("others read the sum, too")
    value, numbers = found
    if not isinstance(op, FullyConnected) and any(window(op)):
        return match.no("the layer pads")
    weights, bias = _weights(op), _bias(op)
    shifts = _per_input(op, numbers)
    known = op.bias is None or bias is not None
    if weights is None or shifts is None or not known or value.type.shape != op.input.type.shape:
        return match.no("the numbers or the weights aren't plain constants a channel")
    terms = weights.astype(np.float64) * shifts
    depthwise = isinstance(op, DepthwiseConv2D)
    total = terms.sum(axis=(0, 1, 2) if depthwise else tuple(range(1, terms.ndim)))
    whole = (total + (0 if bias is None else bias)).astype(np.float32)
    return _replaced(op, weights, whole, shifted, op, input=value)


def _by_constant(op: Op | None) -> tuple[Value, Array] | None:
    """What a product or quotient scales, and by what; None unless that is finite and constant."""
    if not isinstance(op, Scaled) or op.fused_activation_function != "NONE":
        return None
    if isinstance(op, Div):
        data = op.rhs.constant
        if data is None or data.dtype != np.float32 or (np.abs(data) < 1e-30).any():
            return None
        return op.lhs, 1 / data
    for value, other in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        if other.constant is not None and other.constant.dtype == np.float32:
            return value, other.constant
    return None


def _shift(op: Op | None) -> tuple[Value, Array] | None:
    """What a sum or difference shifts, and by what; None unless that is constant."""
    if not isinstance(op, Shifted) or op.fused_activation_function != "NONE":
        return None
    if isinstance(op, Sub):
        data = op.rhs.constant
        return None if data is None or data.dtype != np.float32 else (op.lhs, -data)
    for value, other in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        if other.constant is not None and other.constant.dtype == np.float32:
            return value, other.constant
    return None


def _per_channel(numbers: Array, channels: int) -> Array | None:
    """Finite numbers as one a channel; None where they differ along other axes."""
    if not numbers.size or not np.isfinite(numbers).all():
        return None
    if (numbers == numbers.reshape(-1)[0]).all():
        numbers = numbers.reshape(-1)[:1]
    if numbers.size not in (1, channels):
        return None
    if numbers.size > 1 and numbers.shape[-1] != channels:
        return None
    return np.resize(numbers.reshape(-1), channels).astype(np.float32)


def _per_input(op: Layer, numbers: Array) -> Array | None:
    """Numbers for a layer's input channels, in a shape that broadcasts to its weights."""
    depth = op.input.type.shape[-1]
    found = _per_channel(numbers, depth)
    if found is None:
        return None
    if isinstance(op, DepthwiseConv2D):
        return np.repeat(found, op.multiplier)
    inner = _filter(op).type.shape[-1]
    # Groups, or rows of several pixels, share weights among channels.
    return found if inner == depth else (found[:1] if (found == found[0]).all() else None)


def _filter(layer: Layer) -> Value:
    return layer.filter if isinstance(layer, Conv2D | DepthwiseConv2D) else layer.weights


def _weights(layer: Layer) -> Array | None:
    """A layer's weights, if they are constants of f32 that stand for themselves."""
    value = _filter(layer)
    data = value.constant
    plain = data is not None and data.dtype == np.float32 and value.type.quantization is None
    return data if plain else None


def _bias(layer: Layer) -> Array | None:
    bias = None if layer.bias is None else layer.bias.constant
    return None if bias is None or bias.dtype != np.float32 else bias.reshape(-1)


def _first_axis(factors: Array, weights: Array) -> Array:
    return factors.reshape(-1, *(1,) * (weights.ndim - 1))


def _replaced(
    layer: Layer, weights: Array, bias: Array | None, *sources: Op, input: Value
) -> Value | None:
    """The layer with other weights and bias, reading ``input``; None where they overflow."""
    data = weights.astype(np.float32)
    if not np.isfinite(data).all() or (bias is not None and not np.isfinite(bias).all()):
        return None
    field = "filter" if isinstance(layer, Conv2D | DepthwiseConv2D) else "weights"
    changed = {field: _constant(data), "input": input}
    if bias is not None:
        changed["bias"] = _constant(bias.astype(np.float32))
    return dataclasses.replace(
        layer,
        sources=merged_sources(*dict.fromkeys((*sources, layer))),
        names=sources[-1].names,
        **changed,  # type: ignore[arg-type]
    ).result


def _constant(data: Array) -> Value:
    return Constant(data=data, type=TensorType("f32", data.shape)).result
