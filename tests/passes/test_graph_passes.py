"""Graph passes: what they make, and that it computes the same."""

from __future__ import annotations

import numpy as np
import pytest

import tflgpuc.ir.graph.ops  # noqa: F401
from tflgpuc.ir.errors import PassError, UnsupportedError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Source
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.average_pool_2d import AveragePool2D
from tflgpuc.ir.graph.ops.concatenation import Concatenation
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.exp import Exp
from tflgpuc.ir.graph.ops.fully_connected import FullyConnected
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.ops.log import Log
from tflgpuc.ir.graph.ops.mean import Mean
from tflgpuc.ir.graph.ops.mul import Mul
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.graph.ops.pad import Pad
from tflgpuc.ir.graph.ops.padv2 import Padv2
from tflgpuc.ir.graph.ops.relu import Relu
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.ops.softmax import Softmax
from tflgpuc.ir.graph.ops.strided_slice import StridedSlice
from tflgpuc.ir.graph.sampling import constant, runtime, weights
from tflgpuc.passes.base import GraphPass
from tflgpuc.passes.manager import PassManager
from tflgpuc.passes.pipeline import default_passes, parse_pipeline
from tflgpuc.targets import load_target

TARGET = load_target("generic-gles31")


def graph_of(*outputs):
    """The graph that computes some values; inputs in the order in which they are met."""
    ops, inputs = {}, {}

    def visit(value):
        if value.op is None:
            inputs[value] = None
        elif value.op not in ops:
            for operand in value.op.operands:
                visit(operand)
            ops[value.op] = None

    for value in outputs:
        visit(value)
    return Graph(tuple(inputs), tuple(ops), tuple(outputs))


def run(text, *outputs):
    """The graph after some passes, checked to compute the same."""
    graph = graph_of(*outputs)
    made = graph
    for p in parse_pipeline(text):
        made = p.run(made, TARGET)
        made.verify()
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(-1, 1, v.type.shape).astype(np.float32) for v in graph.inputs]
    for want, got in zip(graph.evaluate(arrays), made.evaluate(arrays), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    return made


def names(graph):
    return [op.name.split(".")[1] for op in graph.ops if op.name != "tfl.constant"]


def conv(x, filter=(4, 1, 1, 4), **attributes):
    return Conv2D(input=x, filter=weights(*filter), bias=weights(filter[0]), **attributes).result


# --- canonicalize ---


def test_fused_activations_are_split_off():
    x = runtime(1, 4, 4, 4)
    assert names(run("canonicalize", conv(x, fused_activation_function="RELU6"))) == [
        "conv_2d",
        "relu6",
    ]


def test_reductions_keep_their_axes():
    x = runtime(2, 4, 4, 3)
    made = run("canonicalize", Mean(input=x, axis=constant([1, 2])).result)
    assert names(made) == ["mean", "reshape"]
    assert made.ops[-2].keep_dims


def test_fully_connected_reads_rows():
    x = runtime(1, 2, 2, 4)
    made = run("canonicalize", FullyConnected(input=x, weights=weights(3, 16)).result)
    assert names(made) == ["reshape", "fully_connected"]


def test_reshapes_join():
    x = runtime(1, 4, 4, 2)
    once = Reshape(tensor=x, new_shape=(2, 16)).result
    assert names(run("canonicalize", Reshape(tensor=once, new_shape=(32,)).result)) == ["reshape"]
    assert names(run("canonicalize", Reshape(tensor=once, new_shape=(1, 4, 4, 2)).result)) == []


def test_sliced_away_axes_become_a_reshape():
    x = runtime(1, 4, 5, 3)
    begin, end, strides = constant([0, 2, 0, 0]), constant([0, 0, 5, 3]), constant([1, 1, 1, 1])
    op = StridedSlice(
        input=x, begin=begin, end=end, strides=strides, begin_mask=1, end_mask=1, shrink_axis_mask=2
    )
    assert names(run("decompose", op.result)) == ["strided_slice", "reshape"]


# --- fold ---


def test_constants_fold():
    total = Add(lhs=weights(3), rhs=weights(3)).result
    made = run("fold", Add(lhs=runtime(3), rhs=total).result)
    assert names(made) == ["add"]
    assert len(made.ops) == 2


def test_large_results_do_not_fold():
    total = Add(lhs=weights(3), rhs=weights(3)).result
    made = run("fold{max_bytes=8}", Add(lhs=runtime(3), rhs=total).result)
    assert names(made) == ["add", "add"]


# --- substitute ---


@pytest.mark.parametrize("padding", ["VALID", "SAME"])
def test_zero_padding_joins_a_convolution(padding):
    x = runtime(1, 5, 6, 4)
    padded = Pad(
        input=x, paddings=constant(np.array([[0, 0], [1, 2], [0, 1], [0, 0]], np.int32))
    ).result
    made = run("substitute", conv(padded, (4, 3, 3, 4), padding=padding, stride_h=2, stride_w=2))
    assert names(made) == ["conv_2d"]
    assert made.ops[-1].padding == "EXPLICIT"


def test_other_padding_does_not_join():
    x = runtime(1, 5, 6, 4)
    spatial = constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    channels = constant(np.array([[0, 0], [0, 0], [0, 0], [2, 2]], np.int32))
    one = Padv2(input=x, paddings=spatial, constant_values=constant(np.float32([1]))).result
    assert names(run("substitute", conv(one, (4, 3, 3, 4)))) == ["padv2", "conv_2d"]
    wide = Pad(input=x, paddings=channels).result
    assert names(run("substitute", conv(wide, (4, 3, 3, 8)))) == ["pad", "conv_2d"]


def test_padding_never_joins_pooling():
    """The mean of padded cells counts them; a pooling's own padding isn't counted."""
    x = runtime(1, 4, 4, 4)
    spatial = constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    padded = Pad(input=x, paddings=spatial).result
    pooled = AveragePool2D(input=padded, filter_width=3, filter_height=3, padding="VALID").result
    (fused,) = run("optimize", pooled).ops
    assert [op.name for op in fused.computing] == ["tfl.pad", "tfl.average_pool_2d"]


def test_an_added_constant_joins_the_bias():
    x = runtime(1, 4, 4, 4)
    assert names(run("substitute", Add(lhs=conv(x), rhs=weights(4)).result)) == ["conv_2d"]
    assert names(run("substitute", Add(lhs=weights(1, 1, 1, 4), rhs=conv(x)).result)) == ["conv_2d"]


def test_an_added_constant_stays_where_the_sum_is_wider():
    x = runtime(1, 1, 1, 4)
    made = run("substitute", Add(lhs=conv(x), rhs=weights(1, 2, 2, 4)).result)
    assert names(made) == ["conv_2d", "add"]
    value = conv(runtime(1, 4, 4, 4))
    made = run("substitute", Add(lhs=value, rhs=weights(4)).result, value)
    assert names(made) == ["conv_2d", "add"]


def test_wide_concatenations_are_split():
    parts = [runtime(1, 2, 2, 3, name=f"x{i}") for i in range(5)]
    made = run("substitute", Concatenation(values=tuple(parts), axis=3).result)
    assert names(made) == ["concatenation"] * 4
    assert all(len(op.values) == 2 for op in made.ops)


# --- fuse ---


def bodies(graph):
    return [
        [o.name.split(".")[1] for o in op.computing] for op in graph.ops if isinstance(op, Fused)
    ]


def test_a_chain_is_one_dispatch():
    x, y = runtime(1, 4, 4, 4, name="x"), runtime(1, 4, 4, 4, name="y")
    value = Relu(x=Add(lhs=conv(x), rhs=y).result).result
    assert bodies(run("fuse", value)) == [["conv_2d", "add", "relu"]]


def test_a_value_that_others_read_is_kept():
    x = runtime(1, 4, 4, 4)
    value = conv(x)
    made = run("fuse", Relu(x=value).result, Exp(x=value).result)
    assert bodies(made) == [["conv_2d"], ["relu"], ["exp"]]


def test_a_broadcast_producer_is_kept():
    x, small = runtime(1, 4, 4, 4, name="x"), runtime(1, 1, 1, 4, name="small")
    made = run("fuse{prologue=false}", Mul(lhs=x, rhs=Exp(x=small).result).result)
    assert bodies(made) == [["exp"], ["mul"]]


def test_squares_fuse():
    value = conv(runtime(1, 4, 4, 4))
    assert bodies(run("fuse", Mul(lhs=value, rhs=value).result)) == [["conv_2d", "mul"]]


def test_the_buffer_limit_holds():
    inputs = [runtime(1, 4, 4, 4, name=f"x{i}") for i in range(4)]
    value = conv(inputs[0])
    for other in inputs[1:]:
        value = Add(lhs=value, rhs=other).result
    # dst, src, weights and one more operand: then the four blocks of OpenGL ES 3.1 are taken.
    assert bodies(run("fuse", value)) == [["conv_2d", "add"], ["add", "add"]]


def test_sources_are_kept():
    x = runtime(1, 4, 4, 4)
    one = Exp(x=x, sources=(Source(0, 1, "EXP", ("a",)),)).result
    two = Relu(x=one, sources=(Source(0, 2, "RELU", ("b",)),)).result
    (fused,) = run("fuse", two).ops
    assert [s.operator for s in fused.sources] == [1, 2]


# --- partition ---


def test_everything_unsupported_is_listed():
    x = runtime(1, 4)
    kinds = [
        Opaque(
            inputs=(x,), opcode=code, version=1, options=(), custom_options=b"", absent=(),
            types=(x.type,), reason="no such op here", sources=(Source(0, i, code, (code,)),),
        ).result
        for i, code in enumerate(("RFFT2D", "COMPLEX_ABS"))
    ]  # fmt: skip
    with pytest.raises(UnsupportedError) as caught:
        run("partition{cpu=false}", *kinds)
    assert len(caught.value.problems) == 2


# --- lanes ---


def test_lanes_that_may_hold_nan_are_known():
    x = runtime(1, 2, 2, 3)
    made = run("fuse{prologue=false},layout", Softmax(input=Log(x=x).result).result)
    assert [op.types[0].lanes for op in made.ops if op.types[0].layout == "phwc4"] == ["any"]


def test_padding_lanes_do_not_leak():
    """log(0) is -inf in the padding lane; a convolution after it must not see that."""
    x = runtime(1, 2, 2, 3)
    value = conv(Exp(x=Log(x=x).result).result, (4, 1, 1, 3))
    logged = conv(Log(x=x).result, (4, 1, 1, 3))
    for output in (value, logged):
        manager = PassManager(default_passes(), check=False)
        schedule = manager.run(graph_of(output), TARGET)
        array = np.random.default_rng(0).uniform(0.5, 1, (1, 2, 2, 3)).astype(np.float32)
        from tflgpuc.backends.runtime.interpreter import interpret_schedule

        (made,) = interpret_schedule(schedule, {schedule.inputs[0]: array}).values()
        assert np.isfinite(made).all()


# --- the manager ---


class Broken(GraphPass, name="test-broken"):
    """Drops every relu, which changes the result."""

    def run(self, graph, target):
        from tflgpuc.passes.rules import Rules

        rules = Rules("broken")

        @rules
        def drop(op: Relu, match):
            return op.x

        return rules.apply(graph, target)


def test_translation_validation_names_the_pass():
    graph = graph_of(Relu(x=runtime(1, 4, 4, 4)).result)
    manager = PassManager([Broken(), *default_passes()], check=True)
    with pytest.raises(PassError, match="'test-broken' changes output 0"):
        manager.run(graph, TARGET)


def test_the_default_pipeline_passes_validation():
    x = runtime(1, 5, 6, 3)
    value = conv(x, (6, 3, 3, 3), stride_h=2, stride_w=2, fused_activation_function="RELU6")
    manager = PassManager(default_passes(), check=True)
    schedule = manager.run(graph_of(value), TARGET)
    assert len(schedule.steps) == 1
    assert set(manager.seconds) == {p.name for p in default_passes()}


def test_printing_around_passes():
    lines = []
    manager = PassManager(
        default_passes(), print_before=["fold"], print_after=["barriers"], write=lines.append
    )
    manager.run(graph_of(Relu(x=runtime(1, 2, 2, 4)).result), TARGET)
    assert lines[0].startswith("// IR before fold\ngraph @")
    assert "schedule @" in lines[1]


def test_a_pipeline_has_an_order():
    graph = graph_of(Relu(x=runtime(1, 2, 2, 4)).result)
    with pytest.raises(PassError, match="'memory' works on a schedule"):
        PassManager(parse_pipeline("memory")).run(graph, TARGET)
    with pytest.raises(PassError, match="ends before 'select'"):
        PassManager(parse_pipeline("fold")).run(graph, TARGET)
