"""Joins the layers of one pixel, and the mean in front of them, into gpu.dense_chain ops."""

from __future__ import annotations

import dataclasses

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array, Op, Value, merged_sources
from tflgpuc.ir.graph.ops.average_pool_2d import AveragePool2D
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.dense_chain import DenseChain
from tflgpuc.ir.graph.ops.fully_connected import FullyConnected
from tflgpuc.ir.graph.ops.mean import Mean
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.target import Target
from tflgpuc.passes.rules import Match, Rules
from tflgpuc.passes.spelling import ints, reshaped

pools = Rules("pools")
chains = Rules("chains")
# Channels that meet in shared memory at most, and layers in one kernel.
WIDEST, LAYERS = 1024, 4
FLOPS_A_MAC = 2


@pools
def global_pool_is_mean(op: AveragePool2D, match: Match) -> Value | None:
    """The average of a window that is the whole picture is a mean, which is folded as a tree."""
    _, h, w, _ = op.input.type.shape
    if op.result.type.shape[1:3] != (1, 1) or op.fused_activation_function != "NONE":
        return None
    if op.kernel != (h, w) or op.padding not in ("VALID", "SAME"):
        return match.no("the window isn't the whole picture")
    return Mean(input=op.input, axis=ints([1, 2]), keep_dims=True, names=op.names).result


@chains
def convolution_joins(op: Conv2D, match: Match) -> Value | None:
    """A pointwise convolution of one pixel goes on with the layers that make it."""
    if op.input.type.shape[1:3] != (1, 1) or op.kernel != (1, 1) or op.pads is not None:
        return None
    if op.groups > 1 or op.fused_activation_function != "NONE":
        return None
    return _joined(op, op.input, op.filter, match)


@chains
def layer_joins(op: FullyConnected, match: Match) -> Value | None:
    """A fully connected layer of one row goes on with the layers that make it."""
    if op.result.type.shape != (1, op.weights.type.shape[0]):
        return None
    if op.fused_activation_function != "NONE" or op.weights_format != "DEFAULT":
        return None
    return _joined(op, op.input, op.weights, match)


def _joined(op: Conv2D | FullyConnected, given: Value, filter: Value, match: Match) -> Value | None:
    """The chain that ends in a layer of weights [out, ..., in]; None where that gains nothing."""
    data, bias = _layer(filter, op.bias)
    if data is None or bias is None or op.result.type.dtype != "f32":
        return match.no("its weights aren't plain constants")
    name, passed, given = _activated(given)
    made = given.op
    between = (given, *(o.result for o in passed))
    if made is None or not all(match.only_use(v) for v in between):
        return match.no("what it reads has other readers")
    reason = "it follows no other layer"
    for layers in _starts(made, match):
        if name and not layers.weights:
            continue
        chain = dataclasses.replace(
            layers,
            weights=(*layers.weights, data),
            biases=(*layers.biases, bias),
            activations=(*layers.activations, name) if layers.weights else (),
            sources=merged_sources(layers, *passed, op),
            names=op.names,
        )
        refused = _refusal(chain, match.target)
        if refused is None:
            return reshaped(chain.result, op.result.type.shape)
        reason = refused
    return match.no(reason)


def _layer(filter: Value, bias: Value | None) -> tuple[Value | None, Value | None]:
    """Weights as a matrix and a bias, as constants of f32; None for what isn't one."""
    data = filter.constant
    if data is None or data.dtype != np.float32 or filter.type.quantization is not None:
        return None, None
    out = data.shape[0]
    vector = np.zeros(out, np.float32) if bias is None else bias.constant
    if vector is None or vector.dtype != np.float32:
        return None, None
    return _constant(data.reshape(out, -1)), _constant(vector.reshape(out))


def _constant(data: Array) -> Value:
    return Constant(data=data, type=TensorType("f32", data.shape)).result


def _activated(value: Value) -> tuple[str, list[Op], Value]:
    """The elementwise op that makes a value, what lies in between, and what the first of it reads.

    Reshapes of one pixel don't count.
    """
    name, passed = "", list[Op]()
    while True:
        op = value.op
        if isinstance(op, Reshape) and op.tensor.type.size == op.tensor.type.shape[-1]:
            value = op.tensor
        elif isinstance(op, Unary) and not name and not op.attributes:
            value, name = op.x, op.name
        else:
            return name, passed, value
        passed.insert(0, op)


def _starts(op: Op, match: Match) -> list[DenseChain]:
    """The chains so far that an op ends, longest first; one without layers is a mean alone."""
    if isinstance(op, DenseChain):
        return [op]
    if isinstance(op, Mean):
        if op.input.type.rank != 4 or op.axes != (1, 2):
            return []
        return [DenseChain(input=op.input, weights=(), biases=(), sources=op.sources)]
    if not isinstance(op, Conv2D | FullyConnected) or op.fused_activation_function != "NONE":
        return []
    filter = op.filter if isinstance(op, Conv2D) else op.weights
    data, bias = _layer(filter, op.bias)
    one = op.input.type.size == filter.type.size // filter.type.shape[0]
    if data is None or bias is None or not one or op.result.type.size != filter.type.shape[0]:
        return []
    pixel = reshaped(op.input, (1, 1, 1, op.input.type.size))
    alone = DenseChain(input=pixel, weights=(data,), biases=(bias,), sources=op.sources)
    mean = op.input.op
    if not isinstance(mean, Mean) or not match.only_use(op.input):
        return [alone]
    sources = merged_sources(mean, op)
    pooled = [
        dataclasses.replace(c, weights=(data,), biases=(bias,), sources=sources)
        for c in _starts(mean, match)
    ]
    return [*pooled, alone]


def _refusal(chain: DenseChain, target: Target) -> str | None:
    """Why a chain is no gain: one group works at what one unit does, and saves launches."""
    if len(chain.weights) > LAYERS:
        return "the chain is long enough"
    if any(max(m.type.shape) > WIDEST for m in chain.weights):
        return "a layer is too wide for shared memory"
    n = chain.input.type.shape[0]
    rates, units = target.rates, target.compute_units
    pooled = chain.input.type.size / 4
    reads = pooled + n * sum(m.type.size for m in chain.weights) / 4
    seconds = reads / rates.storage + FLOPS_A_MAC * chain.macs() / rates.flops
    spread = max(1.0, units / n)
    pool = chain.input.type.shape[1:3] != (1, 1)
    saved = (len(chain.weights) - 1 + pool) * target.costs.launch
    return None if seconds * (spread - 1) <= saved else "one work group would take too long"
