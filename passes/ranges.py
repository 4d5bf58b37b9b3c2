"""Bounds of values, proved by interval arithmetic from what is known of the graph's inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.fused import Fused

Interval = tuple[float, float]
UNKNOWN: Interval = (-math.inf, math.inf)
# Results that are among their operands' values, mixtures of them, or zeros beside them.
CARRYING = {
    "gpu.copy", "tfl.average_pool_2d", "tfl.broadcast_to", "tfl.concatenation", "tfl.depth_to_space",
    "tfl.expand_dims", "tfl.gather", "tfl.max_pool_2d", "tfl.maximum", "tfl.mean", "tfl.minimum",
    "tfl.mirror_pad", "tfl.pack", "tfl.pad", "tfl.reduce_max", "tfl.reduce_min", "tfl.reshape",
    "tfl.resize_bilinear", "tfl.resize_nearest_neighbor", "tfl.slice", "tfl.space_to_depth",
    "tfl.squeeze", "tfl.strided_slice", "tfl.tile", "tfl.transpose",
}  # fmt: skip
FIXED: dict[str, Interval] = {
    "tfl.logistic": (0.0, 1.0),
    "tfl.softmax": (0.0, 1.0),
    "tfl.tanh": (-1.0, 1.0),
    "tfl.sin": (-1.0, 1.0),
    "tfl.cos": (-1.0, 1.0),
    "tfl.relu6": (0.0, 6.0),
    "tfl.relu_n1_to_1": (-1.0, 1.0),
    "tfl.relu_0_to_1": (0.0, 1.0),
}
ACTIVATIONS: dict[str, Interval] = {
    "RELU": (0.0, math.inf),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "TANH": (-1.0, 1.0),
}


def bounds(graph: Graph, given: Mapping[Value, Interval]) -> dict[Value, Interval]:
    """An interval for the result of each op; inputs that ``given`` lacks may be anything."""
    known: dict[Value, Interval] = {v: given.get(v, UNKNOWN) for v in graph.inputs}
    for op in graph.ops:
        if isinstance(op, Fused):
            inner = dict(zip(op.body.inputs, (known[v] for v in op.inputs), strict=True))
            body = bounds(op.body, inner)
            made = [body.get(v, UNKNOWN) for v in op.body.outputs]
        else:
            made = [bound(op, [known.get(v, UNKNOWN) for v in op.operands]) for _ in op.results]
        known.update(zip(op.results, made, strict=True))
    return known


def bound(op: Op, operands: list[Interval]) -> Interval:
    """What an op's result lies in, given what its operands do; anything where no rule is known."""
    data = op.results[0].constant
    if data is not None:
        return _of_constant(data)
    if op.name in FIXED:
        low, high = FIXED[op.name]
        return low, high
    made = UNKNOWN
    if op.name in CARRYING:
        made = _carried(op, operands)
    elif op.name in RULES:
        made = RULES[op.name](op, operands)
    made = UNKNOWN if any(math.isnan(x) for x in made) else made
    activation = getattr(op, "fused_activation_function", "NONE")
    if activation in ACTIVATIONS:
        low, high = ACTIVATIONS[activation]
        made = min(max(made[0], low), high), max(min(made[1], high), low)
    return made


def _of_constant(data: Array) -> Interval:
    if data.dtype.kind not in "fiub" or not data.size or not np.isfinite(data).all():
        return UNKNOWN
    return float(data.min()), float(data.max())


def _carried(op: Op, operands: list[Interval]) -> Interval:
    """From the least to the greatest of the operands that are no numbers of places, and of padding."""
    floats = [
        i for v, i in zip(op.operands, operands, strict=True) if v.type.dtype in ("f32", "f16")
    ] or operands[:1]
    low, high = min(i[0] for i in floats), max(i[1] for i in floats)
    return (min(low, 0.0), max(high, 0.0)) if op.name == "tfl.pad" else (low, high)


def _times(a: Interval, b: Interval) -> Interval:
    products = [0.0 if 0.0 in (x, y) else x * y for x in a for y in b]
    return min(products), max(products)


def _weighted(axes: tuple[int, ...]) -> Callable[[Any, list[Interval]], Interval]:
    """Sums of products with constant weights, and a bias; ``axes`` of the weights are summed over.

    A window may hang over the edge, so zeros are among what is multiplied.
    """

    def rule(op: Any, operands: list[Interval]) -> Interval:
        filter = op.operands[1]
        bias = op.operands[2] if len(op.operands) > 2 else None
        if filter.constant is None or (bias is not None and bias.constant is None):
            return UNKNOWN
        weights = np.asarray(filter.type.real(filter.constant), np.float64)
        low, high = min(operands[0][0], 0.0), max(operands[0][1], 0.0)
        if not np.isfinite([low, high]).all():
            return UNKNOWN
        up = np.maximum(weights, 0).sum(axis=axes)
        down = np.minimum(weights, 0).sum(axis=axes)
        added = 0.0 if bias is None else np.asarray(bias.constant, np.float64).reshape(-1)
        least, most = up * low + down * high + added, up * high + down * low + added
        return float(least.min(initial=math.inf)), float(most.max(initial=-math.inf))

    return rule


def _prelu(op: Op, operands: list[Interval]) -> Interval:
    (low, high), alpha = operands[0], operands[1]
    below = _times((min(low, 0.0), min(high, 0.0)), alpha)
    return min(max(low, 0.0), below[0]), max(max(high, 0.0), below[1])


def _square(op: Op, operands: list[Interval]) -> Interval:
    return 0.0, max(x * x for x in operands[0])


RULES: dict[str, Callable[[Any, list[Interval]], Interval]] = {
    "tfl.abs": lambda op, of: (0.0, max(abs(x) for x in of[0])),
    "tfl.add": lambda op, of: (of[0][0] + of[1][0], of[0][1] + of[1][1]),
    "tfl.sub": lambda op, of: (of[0][0] - of[1][1], of[0][1] - of[1][0]),
    "tfl.mul": lambda op, of: _times(of[0], of[1]),
    "tfl.neg": lambda op, of: (-of[0][1], -of[0][0]),
    "tfl.relu": lambda op, of: (max(of[0][0], 0.0), max(of[0][1], 0.0)),
    "tfl.elu": lambda op, of: (-1.0, max(of[0][1], 0.0)),
    "tfl.gelu": lambda op, of: (-0.2, max(of[0][1], 0.0)),
    "tfl.hard_swish": lambda op, of: (-0.375, max(of[0][1], 0.0)),
    "tfl.leaky_relu": lambda op, of: (min(of[0][0], of[0][0] * op.alpha, 0.0), max(of[0][1], 0.0)),
    "tfl.prelu": _prelu,
    "tfl.square": _square,
    "tfl.conv_2d": _weighted((1, 2, 3)),
    "tfl.depthwise_conv_2d": _weighted((0, 1, 2)),
    "tfl.fully_connected": _weighted((1,)),
}
