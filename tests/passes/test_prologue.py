"""What a kernel computes as it reads: the same numbers as stored ones, only where that is cheap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from support.graphs import random_array
from tflgpuc.backends.kernels.computed import INLINE
from tflgpuc.backends.runtime.interpreter import interpret_schedule
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.average_pool_2d import AveragePool2D
from tflgpuc.ir.graph.ops.cast import Cast
from tflgpuc.ir.graph.ops.concatenation import Concatenation
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tflgpuc.ir.graph.ops.exp import Exp
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.ops.greater import Greater
from tflgpuc.ir.graph.ops.l2_pool_2d import L2Pool2D
from tflgpuc.ir.graph.ops.max_pool_2d import MaxPool2D
from tflgpuc.ir.graph.ops.mean import Mean
from tflgpuc.ir.graph.ops.mul import Mul
from tflgpuc.ir.graph.ops.pad import Pad
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.ops.resize_bilinear import ResizeBilinear
from tflgpuc.ir.graph.ops.resize_nearest_neighbor import ResizeNearestNeighbor
from tflgpuc.ir.graph.ops.slice import Slice
from tflgpuc.ir.graph.ops.softmax import Softmax
from tflgpuc.ir.graph.ops.space_to_depth import SpaceToDepth
from tflgpuc.ir.graph.ops.tile import Tile
from tflgpuc.ir.graph.ops.transpose import Transpose
from tflgpuc.ir.graph.sampling import constant, runtime, weights
from tflgpuc.ir.graph.types import NUMPY
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass
from tflgpuc.passes.manager import PassManager
from tflgpuc.passes.pipeline import default_passes, parse_pipeline
from tflgpuc.passes.rules import missing_ops
from tflgpuc.targets import load_target

LLVMPIPE = load_target("llvmpipe")
COSTS = replace(LLVMPIPE.costs, launch=1e-5, gpu_macs=3e9, gpu_bytes=4e9)
TARGET = replace(LLVMPIPE, costs=COSTS)
# Here a dispatch costs so much that whatever can be computed anew is.
EAGER = replace(TARGET, costs=replace(TARGET.costs, launch=1e9))


def graph_of(*outputs: Value) -> Graph:
    ops: list[Op] = missing_ops(outputs, set(inputs := _inputs(outputs)))
    return Graph(tuple(inputs), tuple(ops), tuple(outputs))


def _inputs(values: tuple[Value, ...]) -> dict[Value, None]:
    found: dict[Value, None] = {}
    for value in values:
        found |= {value: None} if value.op is None else _inputs(value.op.operands)
    return found


def fused(graph: Graph, text: str = "fuse", target: Target = TARGET) -> list[list[str]]:
    """The ops of each dispatch."""
    for p in parse_pipeline(text):
        assert isinstance(p, GraphPass)
        graph = p.run(graph, target)
    return [
        [o.name.split(".")[1] for o in op.computing] for op in graph.ops if isinstance(op, Fused)
    ]


def computes(graph: Graph, dispatches: int) -> None:
    """The kernels give the reference's numbers, in so many dispatches."""
    rng = np.random.default_rng(0)
    arrays = [random_array(rng, v.type) for v in graph.inputs]
    right = graph.evaluate(arrays)
    schedule = PassManager(default_passes()).run(graph, EAGER)
    # Inputs that windows overlap on are copied to the GPU's layout first.
    assert sum(step.op != "gpu.copy" for step in schedule.dispatches) == dispatches
    made = interpret_schedule(schedule, dict(zip(schedule.inputs, arrays, strict=True)))
    for found, wanted in zip(made.values(), right, strict=True):
        np.testing.assert_allclose(found, wanted, 1e-4, 1e-4)


def conv(x: Value) -> Value:
    """With padding, whose zeros lie after what is computed first."""
    c = x.type.shape[3]
    return Conv2D(input=x, filter=weights(5, 3, 3, c), bias=None, padding="SAME").result


def pointwise(x: Value, outputs: int = 9) -> Value:
    return Conv2D(input=x, filter=weights(outputs, 1, 1, x.type.shape[3]), bias=None).result


def depthwise(x: Value) -> Value:
    filter = weights(1, 3, 3, x.type.shape[3])
    return DepthwiseConv2D(input=x, filter=filter, bias=None, padding="SAME").result


def pooled(x: Value) -> Value:
    return AveragePool2D(
        input=x, filter_width=2, filter_height=2, stride_w=2, stride_h=2, padding="VALID"
    ).result


def mean(x: Value) -> Value:
    return Mean(input=x, axis=constant([1, 2, 3]), keep_dims=True).result


def softmax(x: Value) -> Value:
    return Softmax(input=x).result


def joined(x: Value) -> Value:
    return Concatenation(values=(runtime(*x.type.shape, name="other"), x), axis=3).result


def joined_in_lines(x: Value) -> Value:
    return Concatenation(values=(x, runtime(*x.type.shape, name="other")), axis=2).result


def added(x: Value) -> Value:
    return Add(lhs=pointwise(runtime(*x.type.shape[:3], 4, name="other"), 8), rhs=x).result


def turned(x: Value) -> Value:
    return Transpose(input=x, perm=constant([0, 2, 3, 1])).result


# All make [1, 4, 6, channels].
PRODUCERS: dict[str, Callable[[int], Value]] = {
    "elementwise": lambda c: Exp(x=runtime(1, 4, 6, c)).result,
    "gated": lambda c: Mul(lhs=runtime(1, 4, 6, c), rhs=runtime(1, 1, 1, c, name="gate")).result,
    "resize_bilinear": lambda c: ResizeBilinear(
        input=runtime(1, 3, 2, c), size=constant([4, 6]), half_pixel_centers=True
    ).result,
    "resize_nearest": lambda c: ResizeNearestNeighbor(
        input=runtime(1, 2, 3, c), size=constant([4, 6])
    ).result,
    "slice": lambda c: Slice(
        input=runtime(1, 5, 6, c + 2), begin=constant([0, 1, 0, 1]), size=constant([1, 4, 6, c])
    ).result,
    "cut": lambda c: Slice(
        input=runtime(1, 4, 6, c + 3), begin=constant([0, 0, 0, 0]), size=constant([1, 4, 6, c])
    ).result,
    "pad": lambda c: Pad(
        input=runtime(1, 2, 6, c - 1), paddings=constant(np.int32([[0, 0], [1, 1], [0, 0], [1, 0]]))
    ).result,
    "space_to_depth": lambda c: SpaceToDepth(input=runtime(1, 8, 12, c // 4), block_size=2).result,
    "tile": lambda c: Tile(input=runtime(1, 2, 6, c), multiples=constant([1, 2, 1, 1])).result,
    "transpose": lambda c: Transpose(
        input=runtime(1, 6, 4, c), perm=constant([0, 2, 1, 3])
    ).result,
    "reshape": lambda c: Reshape(
        tensor=runtime(1, 4, 3, 2 * c), shape=constant([1, 4, 6, c])
    ).result,
    "truth": lambda c: Cast(
        input=Greater(lhs=runtime(1, 4, 6, c), rhs=runtime(1, 4, 6, c, name="y")).result,
        in_data_type="BOOL",
    ).result,
    "max_pool": lambda c: MaxPool2D(
        input=runtime(1, 7, 11, c), filter_width=3, filter_height=2, stride_w=2, stride_h=2
    ).result,
    "average_pool": lambda c: AveragePool2D(
        input=runtime(1, 4, 6, c), filter_width=2, filter_height=3
    ).result,
    "l2_pool": lambda c: L2Pool2D(
        input=runtime(1, 8, 12, c), filter_width=2, filter_height=2, stride_w=2, stride_h=2
    ).result,
    "two_deep": lambda c: Exp(
        x=ResizeBilinear(input=runtime(1, 2, 3, c), size=constant([4, 6])).result
    ).result,
}  # fmt: skip
# These move channels; kernels that unroll tiles would read each lane by itself.
BY_LANE = ("slice", "pad", "space_to_depth", "reshape")
CONSUMERS = (
    conv, pointwise, depthwise, pooled, mean, softmax, joined, joined_in_lines, turned,
)  # fmt: skip


@pytest.mark.parametrize("consumer", CONSUMERS)
@pytest.mark.parametrize("producer", PRODUCERS)
@pytest.mark.parametrize("channels", [4, 6])
def test_each_producer_in_each_consumer(producer, consumer, channels):
    if producer == "space_to_depth" and channels == 6:
        channels = 8
    graph = graph_of(consumer(PRODUCERS[producer](channels)))
    parts = consumer is joined_in_lines or (consumer is joined and channels % 4 == 0)
    stored = producer in BY_LANE and consumer in (conv, pointwise, depthwise)
    computes(graph, 1 + parts + stored)


@pytest.mark.parametrize("producer", PRODUCERS)
def test_operands_of_the_epilogue_are_computed_too(producer):
    computes(graph_of(added(PRODUCERS[producer](8))), 1 + (producer in BY_LANE))


def test_channels_padded_by_slices_move_in_slices():
    paddings = constant(np.int32([[0, 0], [1, 1], [0, 0], [0, 4]]))
    graph = graph_of(added(Pad(input=runtime(1, 2, 6, 4), paddings=paddings).result))
    computes(graph, 1)


def test_most_of_what_can_be_inlined_is_tried():
    tried = {
        type(op)
        for make in PRODUCERS.values()
        for op in graph_of(make(8)).ops
        if type(op) in INLINE
    }
    assert {op.name for op in INLINE.keys() - tried} <= {
        "tfl.depth_to_space", "tfl.mirror_pad", "tfl.strided_slice"
    }  # fmt: skip


@pytest.mark.parametrize("name", ["INT8", "UINT8"])
@pytest.mark.parametrize("channels", [3, 4, 5])
def test_small_integers_are_read_and_written_where_they_lie(name, channels):
    x = runtime(2, 3, 5, channels, dtype="i8" if name == "INT8" else "u8")
    real = Cast(input=x, in_data_type=name).result
    scaled = Mul(lhs=real, rhs=constant(np.float32([-3]))).result
    graph = graph_of(conv(scaled), Cast(input=real, out_data_type=name).result)
    rng = np.random.default_rng(0)
    pixels = rng.integers(-128, 128, x.type.shape).astype(np.int8).view(NUMPY[x.type.dtype])
    schedule = PassManager(default_passes()).run(graph, TARGET)
    made = interpret_schedule(schedule, {schedule.inputs[0]: pixels})
    for found, wanted in zip(made.values(), graph.evaluate([pixels]), strict=True):
        np.testing.assert_allclose(found, wanted, 1e-4, 1e-4)


# --- where it pays ---


def test_what_others_read_is_stored():
    x = Exp(x=runtime(1, 8, 8, 4)).result
    graph = graph_of(conv(x), Mean(input=x, axis=constant([1, 2]), keep_dims=True).result)
    assert fused(graph) == [["exp"], ["conv_2d"], ["mean"]]


def test_windows_over_much_work_read_memory():
    def resized(size: int) -> Value:
        x = runtime(1, size // 2, size // 2, 32)
        return ResizeBilinear(input=x, size=constant([size, size])).result

    # Nine taps and several tiles of outputs would mix each input anew; a pool's taps don't overlap.
    assert fused(graph_of(conv(resized(256)))) == [["resize_bilinear"], ["conv_2d"]]
    assert fused(graph_of(pooled(resized(256)))) == [["resize_bilinear", "average_pool_2d"]]
    # Unless a dispatch costs more than all of that.
    assert len(fused(graph_of(conv(resized(256))), target=EAGER)) == 1


def test_work_is_counted_through_what_is_computed_already():
    x = runtime(1, 64, 64, 64)
    for _ in range(3):
        _, h, w, _ = x.type.shape
        x = ResizeBilinear(input=x, size=constant([h * 2, w * 2])).result
    assert len(fused(graph_of(x))) > 1


def test_a_reshape_that_moves_nothing_stays_a_name():
    x = Exp(x=runtime(1, 4, 4, 8)).result
    flat = Reshape(tensor=x, shape=constant([1, 1, 16, 8])).result
    assert fused(graph_of(pointwise(flat))) == [["exp"], ["reshape"], ["conv_2d"]]


def test_the_limit_of_buffers_holds():
    values = [runtime(1, 4, 4, 8, name=f"x{i}") for i in range(4)]
    total = Exp(x=values[0]).result
    for value in values[1:]:
        total = Mul(lhs=total, rhs=value).result
    graph = graph_of(conv(total))
    assert len(fused(graph, target=load_target("generic-gles31"))) > 1
    assert len(fused(graph)) == 1


def test_it_can_be_switched_off():
    graph = graph_of(conv(Exp(x=runtime(1, 4, 4, 4)).result))
    assert fused(graph, "fuse{prologue=false}") == [["exp"], ["conv_2d"]]
