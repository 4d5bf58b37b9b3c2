"""Which rule spells which quantised op in float arithmetic: a book of them, and what they share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tflgpuc.ir.graph.op import Array, NotStatic, Op, Value
from tflgpuc.ir.graph.ops.requantize import Requantize
from tflgpuc.ir.graph.quantization import Ties, inverse
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.passes.quantized_forms import (
    Forms,
    centred_limits,
    real_constant,
    scale_of,
    scaling,
)

Rule = Callable[[Any, Forms], "tuple[Value, ...] | None"]
# What fused activations leave of the real numbers.
BOUNDS: dict[str, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU6": (0.0, 6.0),
}


class RuleBook(dict[str, Rule]):
    """Rules by the names of the ops that they are for.

    A rule gives what stands for the results: steps where they are quantised. It gives None, or raises
    VerifyError, where the op has to stay.
    """

    def __call__(self, *names: str) -> Callable[[Rule], Rule]:
        """Registers the decorated function for ops of these names."""

        def register(function: Rule) -> Rule:
            self.update(dict.fromkeys(names, function))
            return function

        return register


def ranged(type: TensorType, activation: str) -> tuple[int, int]:
    """The least and the greatest step of a type after a fused activation."""
    if activation not in BOUNDS:
        raise NotStatic(f"{activation} of integers")
    scale = scaling(type).scale[0]
    low, high = centred_limits(type)
    least, most = (None if b is None else nearest(b / scale) for b in BOUNDS[activation])
    return (
        low if least is None else max(low, least),
        high if most is None else min(high, most),
    )


def nearest(number: float) -> int:
    """The nearest integer, halves away from 0."""
    return int(math.copysign(math.floor(abs(number) + 0.5), number))


def requantised(
    made: Value, op: Op, factor: Array | float, ties: Ties, activation: str = "NONE"
) -> tuple[Value]:
    """The steps of the op's only result, next to ``made * factor``, under the result's name."""
    low, high = ranged(op.result.type, activation)
    rounding = Requantize(
        x=made, factor=real_constant(factor), low=low, high=high, ties=ties, names=op.names[:1]
    )
    return (rounding.result,)


def from_real(made: Value, op: Op, ties: Ties, activation: str = "NONE") -> tuple[Value]:
    """The steps of the op's only result, from real numbers."""
    return requantised(made, op, inverse(scale_of(op.result)), ties, activation)


def ratio_of(given: Value, result: Value) -> float:
    """A step of one quantised value, in steps of another, in f32."""
    return float(np.float32(scale_of(given)) / np.float32(scale_of(result)))


def plain(op: Op, operands: dict[Value, Value], **changes: Any) -> Value:
    """The op with other operands, without fused activation, name and quantisation."""
    if "fused_activation_function" in op.attributes:
        changes.setdefault("fused_activation_function", "NONE")
    return replace(op.with_operands(operands), names=(), quantization=(), **changes).result


def in_real(op: Op, forms: Forms) -> Value:
    """The op on the real numbers that its operands stand for."""
    return plain(op, {v: forms.real(v) for v in op.operands})
