"""What goes to the CPU, how it is cut out, and that the cut bundle computes what the model does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tflgpuc.ir.errors import UnsupportedError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Source, Value
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.batch_matmul import BatchMatmul
from tflgpuc.ir.graph.ops.cast import Cast
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.graph.ops.segment import Segment
from tflgpuc.ir.graph.ops.tanh import Tanh
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.passes.partition import Partition
from tflgpuc.passes.placement import place
from tflgpuc.targets import load_target

TARGET = load_target("generic-gles31")
# Nothing is worth moving: what decides is the GPU's speed alone.
STAY = replace(TARGET, costs=replace(TARGET.costs, cpu_macs=1.0, cpu_bytes=1.0))


def unknown(*inputs: Value, opcode: str = "RFFT2D", number: int = 0) -> Value:
    """The result of an operator that has no kernel."""
    return Opaque(
        inputs=inputs,
        opcode=opcode,
        types=(inputs[0].type,),
        reason="no kernel",
        sources=(Source(0, number, opcode, ("out",)),),
    ).result


def graph_of(*outputs: Value) -> Graph:
    """The graph that makes some values."""
    ops: dict[Op, None] = {}
    inputs: dict[Value, None] = {}

    def visit(value: Value) -> None:
        if value.op is None:
            inputs[value] = None
            return
        for operand in value.op.operands:
            visit(operand)
        ops[value.op] = None

    for value in outputs:
        visit(value)
    return Graph(tuple(inputs), tuple(ops), outputs)


def kinds(graph: Graph) -> str:
    """The ops in order: s for a segment, g for the rest."""
    return "".join("s" if isinstance(op, Segment) else "g" for op in graph.ops)


def test_what_the_gpu_runs_is_left_alone():
    graph = graph_of(Tanh(x=runtime(1, 4)).result)
    assert Partition().run(graph, TARGET) is graph


def test_an_operator_in_the_middle_is_cut_out():
    middle = unknown(Tanh(x=runtime(1, 4)).result)
    graph = Partition().run(graph_of(Tanh(x=middle).result), STAY)
    assert kinds(graph) == "gsg"
    graph.verify()
    (segment,) = (op for op in graph.ops if isinstance(op, Segment))
    assert segment.reason == "subgraph 0, op 0 (rfft2d 'out'): no kernel"
    assert [op.name for op in segment.body.ops] == ["tfl.opaque"]


def test_operators_that_need_not_wait_share_a_segment():
    x, y = runtime(1, 4, name="x"), runtime(1, 4, name="y")
    both = Add(lhs=unknown(x), rhs=unknown(Tanh(x=y).result, number=1))
    again = unknown(Tanh(x=both.result).result, number=2)
    assert kinds(Partition().run(graph_of(again), STAY)) == "gsggs"


def test_a_cheap_op_between_two_segments_joins_them():
    cheap = Tanh(x=unknown(runtime(1, 4)))
    graph = Partition().run(graph_of(unknown(cheap.result, number=1)), TARGET)
    assert kinds(graph) == "s"


def test_a_dear_op_between_two_segments_stays_on_the_gpu():
    x = unknown(runtime(1, 512, 512))
    product = BatchMatmul(x=x, y=x).result
    assert kinds(Partition().run(graph_of(unknown(product, number=1)), TARGET)) == "sgs"


def test_placement_pays_once_for_a_value_that_many_read():
    x = runtime(1, 64, 64, 64)
    made = Tanh(x=x).result
    readers = [unknown(made, number=i) for i in range(8)]
    graph = graph_of(*readers)
    forced = {v.op for v in readers if v.op}
    assert place(graph, forced, STAY) == forced
    # Where the copy costs more than the op, the op goes along.
    slow = replace(TARGET, costs=replace(TARGET.costs, copy_rate=1e3, wait=1.0))
    assert place(graph, forced, slow) == {*forced, made.op}


def test_state_that_litert_keeps_is_never_cut():
    state = Opaque(inputs=(), opcode="VARIABLE_TENSOR", types=(TensorType("f32", (1, 4)),)).result
    first = unknown(Tanh(x=runtime(1, 4)).result, state)
    graph = Partition().run(graph_of(unknown(Tanh(x=first).result, state, number=1)), STAY)
    assert kinds(graph) == "s"


def test_without_the_cpu_every_reason_is_listed():
    graph = graph_of(unknown(unknown(runtime(1, 4)), number=1))
    with pytest.raises(UnsupportedError) as caught:
        Partition(cpu=False).run(graph, TARGET)
    assert len(caught.value.problems) == 2


def test_an_operator_that_only_the_app_has_needs_its_word():
    graph = graph_of(unknown(runtime(1, 4), opcode="CUSTOM:Frob"))
    with pytest.raises(UnsupportedError, match="TFLite doesn't know it either"):
        Partition().run(graph, TARGET)
    assert kinds(Partition(custom=True).run(graph, TARGET)) == "s"


def test_what_gpus_have_no_type_for_goes_to_the_cpu():
    x = Value(TensorType("f64", (2, 3)), "x")
    graph = Partition().run(graph_of(Cast(input=x, out_data_type="FLOAT32").result), TARGET)
    assert kinds(graph) == "s"
    rng = np.random.default_rng(0)
    data = rng.uniform(-1, 1, (2, 3))
    np.testing.assert_array_equal(graph.evaluate([data])[0], data.astype(np.float32))
