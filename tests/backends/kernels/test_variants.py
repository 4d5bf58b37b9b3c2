"""Every variant of a convolution computes the same, on shapes that no tile divides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tflgpuc.backends.kernels.separable import plans, staged
from tflgpuc.backends.kernels.variants import Plan
from tflgpuc.backends.runtime.interpreter import interpret_schedule
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.ops.relu6 import Relu6
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.target import Target, Tile
from tflgpuc.passes import choice
from tflgpuc.passes.manager import PassManager
from tflgpuc.passes.pipeline import default_passes
from tflgpuc.targets import load_target

TARGET = load_target("generic-gles31")
# Launches that cost a second: whatever can share one does.
EAGER = replace(TARGET, costs=replace(TARGET.costs, launch=1.0))
TILES = (Tile(1), Tile(2, 2), Tile(4, 1), Tile(3, 2), Tile(1, 4))
PATCHES = (Tile(1), Tile(4, rows=1), Tile(2, rows=2), Tile(4, rows=3))


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).uniform(-0.5, 0.5, shape).astype(np.float32)


def depthwise(x, size: int, stride: int, dilation: int, padding: str, multiplier: int = 1):
    channels = x.type.shape[3] * multiplier
    return DepthwiseConv2D(
        input=x,
        filter=constant(weights(1, size, size, channels)),
        bias=constant(weights(channels)),
        stride_h=stride,
        stride_w=stride,
        dilation_h_factor=dilation,
        dilation_w_factor=dilation,
        padding=padding,
        depth_multiplier=multiplier,
    )


def pointwise(x, channels: int):
    filter = constant(weights(channels, 1, 1, x.type.shape[3]))
    return Conv2D(input=x, filter=filter, bias=constant(weights(channels)))


def graph_of(*ops) -> Graph:
    constants = [v.op for op in ops for v in op.operands if v.constant is not None]
    return Graph((ops[0].input,), (*constants, *ops), (ops[-1].result,))


def off_by(graph: Graph, target: Target) -> tuple[float, int]:
    """The largest error of the compiled graph, and its number of launches but for copies."""
    image = np.random.default_rng(3).uniform(-1, 1, graph.inputs[0].type.shape).astype(np.float32)
    schedule = PassManager(default_passes()).run(graph, target)
    (right,) = graph.evaluate([image])
    (made,) = interpret_schedule(schedule, {schedule.inputs[0]: image}).values()
    launches = sum(step.op != "gpu.copy" for step in schedule.dispatches)
    return float(np.abs(made - right).max()), launches


@pytest.mark.parametrize("tile", TILES, ids=str)
@pytest.mark.parametrize("size", [1, 3])
def test_convolutions_in_every_tile(tile: Tile, size: int) -> None:
    x = runtime(2, 5, 7, 6)
    conv = Conv2D(input=x, filter=constant(weights(10, size, size, 6)), bias=constant(weights(10)))
    assert off_by(graph_of(conv), replace(TARGET, tiles=(tile,)))[0] < 1e-5


@pytest.mark.parametrize("tile", PATCHES, ids=str)
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_depthwise_in_every_patch(tile: Tile, stride: int, dilation: int, padding: str) -> None:
    conv = depthwise(runtime(2, 9, 7, 6), 3, stride, dilation, padding)
    assert off_by(graph_of(conv), replace(TARGET, depthwise_tiles=(tile,)))[0] < 1e-5


@pytest.mark.parametrize(
    ("shape", "size", "stride", "padding", "multiplier", "out"),
    [
        ((1, 9, 11, 8), 3, 1, "SAME", 1, 12),
        ((2, 8, 8, 6), 3, 2, "SAME", 1, 18),
        ((1, 13, 5, 3), 5, 1, "VALID", 2, 4),
        ((1, 6, 6, 70), 3, 1, "SAME", 1, 130),
        ((1, 2, 3, 400), 3, 1, "SAME", 1, 5),
    ],
)
def test_pairs_in_one_launch(
    shape: tuple[int, ...], size: int, stride: int, padding: str, multiplier: int, out: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    first = depthwise(runtime(*shape), size, stride, 1, padding, multiplier)
    between = Relu6(x=first.result)
    graph = graph_of(first, between, pointwise(between.result, out))
    tried: list[Plan] = []

    def only(index: int):
        def variants(op: Fused, target: Target) -> list:
            pair = staged(op)
            if pair is None:
                return [Tile(1)]
            tried[:] = plans(pair.depthwise, pair.pointwise, target, most=8)
            return tried[index : index + 1]

        return variants

    index = 0
    while index == 0 or index < len(tried):
        monkeypatch.setattr(choice, "variants", only(index))
        monkeypatch.setattr(choice, "_KNOWN", {})
        error, launches = off_by(graph, EAGER)
        assert launches == 1
        assert error < 1e-5, tried[index]
        index += 1
    assert tried


def test_a_result_that_others_read_is_stored() -> None:
    first = depthwise(runtime(1, 8, 8, 8), 3, 1, 1, "SAME")
    second = pointwise(first.result, 8)
    graph = graph_of(first, second)
    graph = replace(graph, outputs=(second.result, first.result))
    schedule = PassManager(default_passes()).run(graph, EAGER)
    assert sum(s.op != "gpu.copy" for s in schedule.dispatches) == 2
