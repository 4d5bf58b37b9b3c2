"""Quantised convolutions and matrix products: exact sums of products of steps, rounded once."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from tflgpuc.ir.graph.op import Array, NotStatic, Op, Value
from tflgpuc.ir.graph.ops.batch_matmul import BatchMatmul
from tflgpuc.ir.graph.quantization import Ties, per_axis
from tflgpuc.passes.quantized_forms import Forms, is_quantised, real_constant, scale_of
from tflgpuc.passes.quantized_hybrid import hybrid, hybrid_matmul
from tflgpuc.passes.quantized_rules import RuleBook, requantised

rules = RuleBook()
# The operand field that holds the weights, and which of its axes is the output's channels.
PRODUCTS = {
    "tfl.conv_2d": ("filter", 0),
    "tfl.depthwise_conv_2d": ("filter", 3),
    "tfl.fully_connected": ("weights", 0),
    "tfl.transpose_conv": ("weights", 0),
}


@rules(*PRODUCTS)
def product(op: Any, forms: Forms) -> tuple[Value, ...] | None:
    """A convolution or FULLY_CONNECTED; zeros pad where TFLite pads with the zero point."""
    field, axis = PRODUCTS[op.name]
    weights: Value = getattr(op, field)
    if not is_quantised(weights.type):
        return None
    if op.input.type.dtype == "f32":
        return hybrid(op, forms, field, axis)
    changes = {field: forms.weights(weights), "input": forms.steps(op.input)}
    if op.bias is not None:
        # Whatever scale the bias has in the file, TFLite counts it in steps of the products.
        data = op.bias.static("bias")
        changes["bias"] = real_constant(data.astype(np.float32), op.bias.name)
    made = replace(op, **changes, fused_activation_function="NONE", names=(), quantization=())
    factor = factors(op, op.input, weights, axis)
    activation = op.fused_activation_function
    return requantised(made.result, op, factor, product_ties(op), activation)


@rules("tfl.batch_matmul")
def multiplied(op: BatchMatmul, forms: Forms) -> tuple[Value, ...] | None:
    """BATCH_MATMUL; TFLite has no kernel for operands of two quantised types."""
    if not is_quantised(op.y.type):
        return None
    if op.x.type.dtype == "f32":
        return hybrid_matmul(op, forms)
    if op.x.type.dtype != op.y.type.dtype:
        return None
    factor = factors(op, op.x, op.y, op.y.type.rank - (2 if op.adj_y else 1))
    made = replace(op, x=forms.weights(op.x), y=forms.weights(op.y), names=(), quantization=())
    return requantised(made.result, op, factor, product_ties(op))


def product_ties(op: Op) -> Ties:
    """XNNPACK rounds scaled 8-bit sums to even; TFLite's own kernels take 16-bit ones, and round up."""
    return "up" if op.result.type.dtype == "i16" else "even"


def factors(op: Op, input: Value, weights: Value, axis: int) -> Array:
    """A step of the products in steps of the result: one number, or one an output channel."""
    q = weights.type.quantization
    if q is None or (per_axis(q) and q.axis != axis):
        raise NotStatic(f"{weights.type}: not a scale an output channel")
    step, made_step = np.float32(scale_of(input)), np.float32(scale_of(op.result))
    made = step * np.array(q.scale, np.float32) / made_step
    if op.result.type.dtype == "i16":
        made = np.array([fifteen_bits(float(f)) for f in made], np.float32)
    return made if per_axis(q) else made.reshape(())


def fifteen_bits(factor: float) -> float:
    """``factor`` with the fifteen binary digits that TFLite has for 64-bit sums."""
    fraction, exponent = math.frexp(factor)
    digits = min((round(fraction * (1 << 31)) + (1 << 15)) >> 16, (1 << 15) - 1)
    return math.ldexp(digits, exponent - 15)
