"""Quantised ops that compute element by element."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from tflgpuc.ir.graph.elementwise import Comparison
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.add_steps import AddSteps
from tflgpuc.ir.graph.ops.dequantize import Dequantize
from tflgpuc.ir.graph.ops.leaky_relu import LeakyRelu
from tflgpuc.ir.graph.ops.mul import Mul
from tflgpuc.ir.graph.ops.prelu import Prelu
from tflgpuc.ir.graph.ops.quantize import Quantize
from tflgpuc.ir.graph.ops.requantize import Requantize
from tflgpuc.ir.graph.ops.sqrt import Sqrt
from tflgpuc.ir.graph.ops.sub import Sub
from tflgpuc.ir.graph.quantization import Ties
from tflgpuc.passes.quantized_forms import (
    Forms,
    is_quantised,
    real_constant,
    same_scaling,
    scale_of,
    times,
)
from tflgpuc.passes.quantized_rules import (
    RuleBook,
    from_real,
    in_real,
    ranged,
    ratio_of,
    requantised,
)
from tflgpuc.passes.quantized_tables import tabled

rules = RuleBook()
# TFLite's comparisons of 8-bit numbers see multiples of 1 / COMPARED.
COMPARED = 256.0


@rules(
    "tfl.abs", "tfl.elu", "tfl.hard_swish", "tfl.relu", "tfl.relu6", "tfl.relu_0_to_1",
    "tfl.relu_n1_to_1", "tfl.squared_difference",
)  # fmt: skip
def computed(op: Op, forms: Forms) -> tuple[Value, ...]:
    """An op whose kernel rounds its result to the nearest integer."""
    return from_real(in_real(op, forms), op, "away")


@rules("tfl.exp", "tfl.gelu", "tfl.log", "tfl.logistic", "tfl.rsqrt", "tfl.tanh")
def computed_or_tabled(op: Op, forms: Forms) -> tuple[Value, ...]:
    """An op that TFLite computes in floats for 8 bits, and with tables for 16 bits."""
    if op.result.type.dtype == "i16":
        return tabled(op, forms)
    return from_real(in_real(op, forms), op, "even" if op.name == "tfl.gelu" else "away")


@rules("tfl.add", "tfl.sub")
def added(op: Add | Sub, forms: Forms) -> tuple[Value, ...]:
    """ADD and SUB: XNNPACK's fixed-point sum for 8 bits; TFLite rounds 16-bit ones away from 0."""
    ratios = [ratio_of(v, op.result) for v in (op.lhs, op.rhs)]
    sides = [forms.steps(v) for v in (op.lhs, op.rhs)]
    activation = op.fused_activation_function
    # The greater factor has 21 binary digits.
    shift = 21 - max(math.frexp(r)[1] for r in ratios)
    if op.result.type.dtype == "i16" or not 13 <= shift <= 30:
        a, b = (times(v, r) for v, r in zip(sides, ratios, strict=True))
        ties: Ties = "away" if op.result.type.dtype == "i16" else "up"
        return requantised(type(op)(lhs=a, rhs=b).result, op, 1, ties, activation)
    low, high = ranged(op.result.type, activation)
    first, second = (round(math.ldexp(r, shift)) for r in ratios)
    made = AddSteps(
        lhs=sides[0],
        rhs=sides[1],
        lhs_factor=first,
        rhs_factor=second if isinstance(op, Add) else -second,
        shift=shift,
        low=low,
        high=high,
        names=op.names[:1],
    )
    return (made.result,)


@rules("tfl.mul")
def multiplied(op: Mul, forms: Forms) -> tuple[Value, ...]:
    """MUL: XNNPACK rounds 8-bit results to even, TFLite 16-bit ones away from 0."""
    made = Mul(lhs=forms.steps(op.lhs), rhs=forms.steps(op.rhs)).result
    factor = product_of(op.lhs, op.rhs, op.result)
    ties: Ties = "away" if op.result.type.dtype == "i16" else "even"
    return requantised(made, op, factor, ties, op.fused_activation_function)


@rules("tfl.prelu")
def leaked_by_channel(op: Prelu, forms: Forms) -> tuple[Value, ...] | None:
    """PRELU; TFLite's kernel misreads i16."""
    return None if op.result.type.dtype == "i16" else computed(op, forms)


@rules("tfl.leaky_relu")
def leaked(op: LeakyRelu, forms: Forms) -> tuple[Value, ...]:
    """LEAKY_RELU; XNNPACK's multipliers, for 8 bits, have eight binary places."""
    ratio = ratio_of(op.x, op.result)
    if op.result.type.dtype == "i16":
        made = LeakyRelu(x=forms.steps(op.x), alpha=op.alpha).result
        return requantised(made, op, ratio, "away")
    above, below = coarse(ratio), coarse(ratio * op.alpha)
    made = LeakyRelu(x=forms.steps(op.x), alpha=below / above).result
    return requantised(made, op, above, "up")


@rules("tfl.sqrt")
def rooted(op: Sqrt, forms: Forms) -> tuple[Value, ...]:
    """SQRT rounds down, which is rounding what is half a step less up."""
    half = real_constant(scale_of(op.result) / 2)
    return from_real(Sub(lhs=in_real(op, forms), rhs=half).result, op, "up")


@rules(
    "tfl.equal", "tfl.greater", "tfl.greater_equal", "tfl.less", "tfl.less_equal", "tfl.not_equal"
)
def compared(op: Comparison, forms: Forms) -> tuple[Value, ...] | None:
    """Comparisons round 8-bit numbers to 256ths, and look at the integers themselves of others."""
    if op.lhs.type.dtype not in ("i8", "u8"):
        return None
    sides = [
        Requantize(
            x=forms.steps(v),
            factor=real_constant(scale_of(v) * COMPARED),
            low=-(1 << 30),
            high=1 << 30,
            ties="away",
        ).result
        for v in (op.lhs, op.rhs)
    ]
    return (replace(op, lhs=sides[0], rhs=sides[1]).result,)


@rules("tfl.dequantize")
def dequantised(op: Dequantize, forms: Forms) -> tuple[Value, ...] | None:
    """DEQUANTIZE gives the real numbers, which may be there."""
    return (forms.real(op.input),) if is_quantised(op.input.type) else None


@rules("tfl.quantize")
def quantised(op: Quantize, forms: Forms) -> tuple[Value, ...]:
    """QUANTIZE rounds floats to even; between integers it rounds up.

    XNNPACK's kernels for two tensors of one 8-bit type have a multiplier with eight binary places.
    """
    given, result = op.input, op.result
    if not is_quantised(given.type):
        return from_real(forms.raw(given), op, "even")
    if same_scaling((given, result)):
        return (forms.steps(given),)
    ratio = ratio_of(given, result)
    if given.type.dtype == result.type.dtype != "i16":
        ratio = coarse(ratio)
    return requantised(forms.steps(given), op, ratio, "up")


def product_of(lhs: Value, rhs: Value, result: Value) -> float:
    """A step of the product of two values, in steps of the result, in f32 as XNNPACK has it."""
    a, b, made = (np.float32(scale_of(v)) for v in (lhs, rhs, result))
    return float(a * b / made)


def coarse(ratio: float) -> float:
    """``ratio`` with eight binary places, where that is how XNNPACK has it."""
    return round(ratio * 256) / 256 if 1 / 256 <= abs(ratio) <= 128 else ratio
