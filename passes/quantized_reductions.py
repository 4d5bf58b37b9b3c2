"""Quantised ops that mix elements without weights: pools, means, softmax and the like."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.average_pool_2d import AveragePool2D
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.div import Div
from tflgpuc.ir.graph.ops.max_pool_2d import MaxPool2D
from tflgpuc.ir.graph.ops.mean import Mean
from tflgpuc.ir.graph.ops.reduce_max import ReduceMax
from tflgpuc.ir.graph.ops.requantize import Requantize
from tflgpuc.ir.graph.ops.resize_bilinear import ResizeBilinear
from tflgpuc.ir.graph.ops.softmax import Softmax
from tflgpuc.ir.graph.ops.sub import Sub
from tflgpuc.ir.graph.ops.sum import Sum
from tflgpuc.ir.graph.quantization import Ties
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.passes.quantized_forms import Forms, real_constant, scale_of, scaling
from tflgpuc.passes.quantized_rules import (
    RuleBook,
    from_real,
    in_real,
    plain,
    ranged,
    ratio_of,
    requantised,
)
from tflgpuc.passes.quantized_tables import MOST, exponents, looked_up

rules = RuleBook()


@rules("tfl.mean", "tfl.sum")
def added(op: Mean | Sum, forms: Forms) -> tuple[Value, ...]:
    """MEAN and SUM round a sum of steps once."""
    total = Sum(input=forms.steps(op.input), axis=op.axis, keep_dims=op.keep_dims).result
    count = op.count if isinstance(op, Mean) else 1
    ties: Ties = "even" if op.result.type.dtype == "u8" else "away"
    return requantised(total, op, ratio_of(op.input, op.result) / max(count, 1), ties)


@rules("tfl.l2_normalization", "tfl.log_softmax")
def normalised(op: Op, forms: Forms) -> tuple[Value, ...]:
    """Kernels that TFLite has for 8 bits, which come to floats rounded once."""
    return from_real(in_real(op, forms), op, "away")


@rules("tfl.softmax")
def softmax(op: Softmax, forms: Forms) -> tuple[Value, ...]:
    """SOFTMAX: floats rounded once for 8 bits; a table of exponents for 16 bits."""
    if op.result.type.dtype != "i16":
        return from_real(in_real(op, forms), op, "away")
    x = forms.steps(op.input)
    axis = Constant(data=np.array([-1], np.int32), type=TensorType("i32", (1,))).result
    top = ReduceMax(input=x, axis=axis, keep_dims=True).result
    below = Sub(lhs=x, rhs=top).result
    table = exponents(scale_of(op.input), op.beta)
    raised = looked_up(below, MOST, table)
    total = Sum(input=raised, axis=axis, keep_dims=True).result
    return from_real(Div(lhs=raised, rhs=total).result, op, "up")


@rules("tfl.average_pool_2d")
def averaged_by_window(op: AveragePool2D, forms: Forms) -> tuple[Value, ...]:
    """AVERAGE_POOL_2D rounds the mean of the integers, halves away from the integer 0."""
    ties: Ties = "up" if op.result.type.dtype == "u8" else "away"
    return same_integers(op, forms, ties, op.fused_activation_function)


@rules("tfl.max_pool_2d")
def greatest_by_window(op: MaxPool2D, forms: Forms) -> tuple[Value, ...]:
    """MAX_POOL_2D has nothing to round; a fused activation clamps integers."""
    return same_integers(op, forms, "even", op.fused_activation_function)


@rules("tfl.resize_bilinear")
def resized(op: ResizeBilinear, forms: Forms) -> tuple[Value, ...] | None:
    """RESIZE_BILINEAR rounds up; for 16 bits its weights have ten binary places."""
    return None if op.result.type.dtype == "i16" else same_integers(op, forms, "up")


def same_integers(op: Op, forms: Forms, ties: Ties, activation: str = "NONE") -> tuple[Value, ...]:
    """A kernel that computes with integers, whatever they stand for, and rounds.

    Where the result has another zero point, its steps are others.
    """
    (input, *rest), result = op.operands, op.result
    made = plain(op, {input: forms.steps(input), **{v: forms.raw(v) for v in rest}})
    low, high = ranged(result.type, activation)
    shift = scaling(input.type).zero_point[0] - scaling(result.type).zero_point[0]
    if type(op) is not MaxPool2D or (low, high) != ranged(result.type, "NONE"):
        made = Requantize(
            x=made, factor=real_constant(1), low=low - shift, high=high - shift, ties=ties
        ).result
    if shift:
        made = Add(lhs=made, rhs=real_constant(shift)).result
    assert made.op is not None
    return (replace(made.op, names=op.names[:1]).result,)
