"""Weights kept as halves: only where they are many, and never at the cost of biases."""

from __future__ import annotations

import numpy as np

from tflgpuc.backends.kernels.constants import HALF_WORTH
from tflgpuc.backends.runtime.interpreter import interpret_schedule
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.prelu import Prelu
from tflgpuc.ir.graph.ops.sub import Sub
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.passes.manager import PassManager
from tflgpuc.passes.pipeline import parse_pipeline
from tflgpuc.targets import load_target

RNG = np.random.default_rng(1)
LOWERING = (
    "layout,precision{storage=f16,bound=0.0},select,work-groups,simplify-kernels,memory,barriers"
)


def scheduled(channels: int, scale: float = 0.05):
    """conv + 1000-ish bias - 1000, then prelu: what halves would leave of the bias shows."""
    x = runtime(1, 3, 4, channels)
    filter = (RNG.standard_normal((64, 1, 1, channels)) * scale).astype(np.float32)
    bias = (1000 + RNG.uniform(-1, 1, 64)).astype(np.float32)
    conv = Conv2D(input=x, filter=constant(filter), bias=constant(bias))
    lower = Sub(lhs=conv.result, rhs=constant(np.full((1, 1, 1, 64), 1000, np.float32)))
    alpha = constant(RNG.uniform(-1, 1, (1, 1, 64)).astype(np.float32))
    out = Prelu(input=lower.result, alpha=alpha)
    constants = [v.op for v in (*conv.operands[1:], lower.rhs, alpha)]
    graph = Graph((x,), (*constants, conv, lower, out), (out.result,))
    passes = parse_pipeline(f"optimize,{LOWERING}")
    return graph, PassManager(passes).run(graph, load_target("generic-gles31"))


def error(graph, schedule):
    image = RNG.uniform(-1, 1, graph.inputs[0].type.shape).astype(np.float32)
    (want,) = graph.evaluate([image])
    (got,) = interpret_schedule(schedule, {schedule.inputs[0]: image}).values()
    return np.abs(want - got).max()


def test_many_weights_are_halves_but_biases_stay_accurate():
    graph, schedule = scheduled(HALF_WORTH // 64)
    (step,) = [s for s in schedule.steps if s.constants is not None]
    assert step.constants.dtype == np.float16
    # A bias near 1000 in one half would be off by up to 0.25.
    assert error(graph, schedule) < 1e-2


def test_few_weights_stay_f32():
    graph, schedule = scheduled(16)
    (step,) = [s for s in schedule.steps if s.constants is not None]
    assert step.constants.dtype == np.float32
    assert error(graph, schedule) < 1e-2


def test_weights_that_halves_cannot_hold_stay_f32():
    _, schedule = scheduled(HALF_WORTH // 64, scale=1e5)
    (step,) = [s for s in schedule.steps if s.constants is not None]
    assert step.constants.dtype == np.float32
