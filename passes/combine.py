"""Joins a depthwise convolution to the pointwise one that alone reads it, where that costs less."""

from __future__ import annotations

from dataclasses import replace

from tflgpuc.backends.kernels.separable import plans, seconds_of_work, unfit
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tflgpuc.ir.graph.ops.elu import Elu
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.ops.gelu import Gelu
from tflgpuc.ir.graph.ops.hard_swish import HardSwish
from tflgpuc.ir.graph.ops.leaky_relu import LeakyRelu
from tflgpuc.ir.graph.ops.logistic import Logistic
from tflgpuc.ir.graph.ops.prelu import Prelu
from tflgpuc.ir.graph.ops.relu import Relu
from tflgpuc.ir.graph.ops.relu6 import Relu6
from tflgpuc.ir.graph.ops.relu_0_to_1 import Relu0To1
from tflgpuc.ir.graph.ops.relu_n1_to_1 import ReluN1To1
from tflgpuc.ir.graph.ops.tanh import Tanh
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass, untold
from tflgpuc.passes.choice import compared
from tflgpuc.passes.fuse import merge
from tflgpuc.passes.rules import Match, Rules, Tracer

# Of a zero in a padding lane these make something finite, which zero weights then remove.
BETWEEN = (
    Elu, Gelu, HardSwish, LeakyRelu, Logistic, Prelu, Relu, Relu6, Relu0To1, ReluN1To1, Tanh,
)  # fmt: skip

# A rough estimate that is so many times what both take apart needs no closer look.
HOPELESS = 1.25


class Combine(GraphPass, name="combine"):
    """Computes a depthwise and a pointwise convolution in one dispatch where that is estimated faster."""

    tracer: Tracer | None = untold()

    def run(self, graph: Graph, target: Target) -> Graph:
        return Rules("combine", [(Fused, joined)]).apply(graph, target, self.tracer)


def joined(op: Fused, match: Match) -> Op | None:
    """A pointwise convolution with the depthwise one before it."""
    root = op.root
    if op.before or not isinstance(root, Conv2D) or root.input not in op.body.inputs:
        return None
    value = op.inputs[op.body.inputs.index(root.input)]
    producer = value.op
    if not isinstance(producer, Fused) or not isinstance(producer.root, DepthwiseConv2D):
        return None
    reason = _refusal(producer, op, value, match)
    if reason is not None:
        return match.no(reason)
    made = replace(
        merge(producer, op, before=len(producer.computing)),
        half_weights=producer.half_weights or op.half_weights,
    )
    tried = plans(producer.root, root, match.target)
    if not tried:
        return match.no("no work group has the shared memory for it")
    (apart,) = compared(match.target, (producer, op))
    work = seconds_of_work(tried[0], producer.root, root, match.target)
    if work > HOPELESS * apart and match.target.tuning is None:
        return match.no(f"{1e6 * work:.0f} us of work together, {1e6 * apart:.0f} us apart")
    match.consider(producer, op, made)
    apart, together = compared(match.target, (producer, op), (made,))
    if together > apart:
        return match.no(f"{1e6 * together:.0f} us together, {1e6 * apart:.0f} us apart")
    return made


def _refusal(producer: Fused, op: Fused, value: Value, match: Match) -> str | None:
    depthwise, pointwise = producer.root, op.root
    assert isinstance(depthwise, DepthwiseConv2D) and isinstance(pointwise, Conv2D)
    if match.uses[value] != 1:
        return "the depthwise result has other readers"
    if not all(isinstance(between, BETWEEN) for between in producer.epilogue):
        return "what lies between isn't an activation"
    if len({*producer.inputs, *op.inputs}) + 1 > match.target.storage_blocks:
        return "the kernel would bind too many buffers"
    return unfit(depthwise, pointwise)
