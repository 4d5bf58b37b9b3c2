"""Variables become states of the graph, subgraphs regions of ops; what can't be followed stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from support.control_models import (
    ADD,
    MUL,
    assign,
    call_once,
    counted_loop,
    f32,
    i32,
    if_op,
    litert_runs,
    read,
    resource,
    var_handle,
    while_op,
)
from support.small_models import imported
from support.tflite_writer import Operator, Subgraph, Table, Tensor, write
from tflgpuc.backends.tflite.writer import write as write_graph
from tflgpuc.ir.errors import ModelError
from tflgpuc.ir.graph.op import TFLITE_OPS, Array, Op, Value
from tflgpuc.ir.graph.types import NUMPY, TensorType

RUNS = [[np.array([1, 2], np.float32)], [np.array([5, -3], np.float32)], [np.zeros(2, np.float32)]]
INIT = Subgraph([resource(), f32("start", [4, 7])], [var_handle(0), assign(0, 1)], (), (), "init")
# y = v + x; v = y.
SUM = Subgraph(
    [Tensor("x", (2,)), resource(), Tensor("old", (2,)), Tensor("y", (2,))],
    [var_handle(1), read(1, 2), Operator("ADD", (2, 0), (3,), ADD), assign(1, 3)],
    (0,),
    (3,),
)
ONCE = replace(SUM, operators=[call_once(1), *SUM.operators])


class Accumulate(Op):
    """Adds its input to its state, and gives the sum."""

    input: Value
    state: Value
    states = ("state",)

    def infer(self) -> tuple[TensorType, TensorType]:
        return self.input.type, self.state.type

    def reference(self, input: Array, state: Array) -> tuple[Array, Array]:
        return input + state, input + state


def initial(graph) -> list[Array]:
    return [
        np.zeros(s.type.shape, NUMPY[s.type.dtype]) if s.initial is None else s.initial
        for s in graph.states
    ]


def check(*subgraphs: Subgraph, runs=RUNS, states: int = 1) -> None:
    """Several runs give what LiteRT gives."""
    graph = imported(*subgraphs).main
    assert len(graph.states) == states
    assert not [op for op in graph.ops if op.name == "tfl.opaque"]
    kept = initial(graph)
    for given, want in zip(runs, litert_runs(write(*subgraphs), runs), strict=True):
        made = graph.evaluate([*given, *kept])
        outputs, kept = made[: len(made) - states], made[len(made) - states :]
        for a, b in zip(want, outputs, strict=True):
            np.testing.assert_array_equal(a, b)


def opcodes(graph) -> list[str]:
    return [op.opcode if op.name == "tfl.opaque" else op.name for op in graph.ops]


def test_a_variable_that_a_subgraph_initialises():
    check(ONCE, INIT)
    graph = imported(ONCE, INIT).main
    assert [op.name for op in graph.ops] == ["tfl.add"]
    assert graph.input_names == ("x",) and len(graph.inputs) == 2
    np.testing.assert_array_equal(graph.states[0].initial, [4, 7])


def test_a_variable_that_nobody_initialises_is_zero():
    graph = imported(SUM).main
    assert graph.states[0].initial is None
    assert graph.states[0].type == TensorType("f32", (2,))


def test_reads_see_the_latest_value():
    tensors = [Tensor("x", (2,)), resource(), Tensor("old", (2,)), Tensor("new", (2,))]
    order = [call_once(1), var_handle(1), read(1, 2), assign(1, 0), read(1, 3)]
    sub = Operator("SUB", (2, 3), (4,), Table("SubOptions", {}))
    main = Subgraph([*tensors, Tensor("y", (2,))], [*order, sub], (0,), (4,))
    check(main, INIT)


def test_a_variable_that_each_run_writes_first_is_no_state():
    main = Subgraph(
        [Tensor("x", (2,)), resource(), Tensor("seen", (2,)), Tensor("y", (2,))],
        [var_handle(1), assign(1, 0), read(1, 2), Operator("ADD", (2, 0), (3,), ADD)],
        (0,),
        (3,),
    )
    check(main, states=0)


def test_initial_values_may_be_computed():
    init = Subgraph(
        [resource(), f32("a", [4, 7]), Tensor("b", (2,))],
        [var_handle(0), Operator("MUL", (1, 1), (2,), MUL), assign(0, 2)],
        (),
        (),
    )
    check(ONCE, init)


def test_two_handles_of_one_variable():
    tensors = [Tensor("x", (2,)), resource(), resource("again"), Tensor("old", (2,))]
    add = Operator("ADD", (3, 0), (4,), ADD)
    order = [call_once(1), var_handle(1), var_handle(2), read(1, 3), add, assign(2, 4)]
    check(Subgraph([*tensors, Tensor("y", (2,))], order, (0,), (4,)), INIT)


def test_initialisation_after_a_write_is_left_to_tflite():
    order = [var_handle(1), assign(1, 0), call_once(1), *SUM.operators[1:3]]
    graph = imported(replace(SUM, operators=order), INIT).main
    assert "CALL_ONCE" in opcodes(graph) and not graph.states


def test_a_handle_that_goes_elsewhere_is_left_to_tflite():
    graph = imported(replace(SUM, outputs=(3, 1))).main
    assert opcodes(graph)[:2] == ["VAR_HANDLE", "READ_VARIABLE"] and not graph.states


def test_a_variable_that_changes_its_shape_is_left_to_tflite():
    init = replace(INIT, tensors=[resource(), f32("start", [4])])
    graph = imported(ONCE, init).main
    assert "READ_VARIABLE" in opcodes(graph) and not graph.states


def test_a_variable_that_a_loop_writes_is_left_to_tflite():
    main, cond, body = counted_loop(3)
    body = replace(
        body,
        tensors=[*body.tensors, resource()],
        operators=[*body.operators, var_handle(7), assign(7, 6)],
    )
    tensors = [*main.tensors, resource(), Tensor("old", (2,)), Tensor("sum", (2,))]
    add = Operator("ADD", (5, 3), (6,), ADD)
    order = [var_handle(4), read(4, 5), *main.operators, add]
    graph = imported(replace(main, tensors=tensors, operators=order, outputs=(6,)), cond, body).main
    assert "READ_VARIABLE" in opcodes(graph) and not graph.states


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_a_variable_tensor_starts_as_tflite_sets_it(dtype):
    scale, zero = np.array([0.5], np.float32), np.array([3], np.int64)
    table = Table("QuantizationParameters", {"scale": scale, "zero_point": zero})
    extra = {"quantization": table}
    main = Subgraph(
        [Tensor("x", (2,), dtype, extra=extra), Tensor("v", (2,), dtype, extra=extra)],
        [Operator("MAXIMUM", (1, 0), (2,), Table("MaximumMinimumOptions", {}))],
        (0,),
        (2,),
    )
    variable = replace(main.tensors[1], extra=extra | {"is_variable": True})
    main = replace(main, tensors=[main.tensors[0], variable, replace(main.tensors[0], name="y")])
    check(main, runs=[[np.array([1, 5], dtype)]] * 2)


def stateful(**changes) -> Subgraph:
    variable = Tensor("v", (2,), extra={"is_variable": True})
    graph = Subgraph(
        [Tensor("x", (2,)), variable, Tensor("y", (2,)), Tensor("z", (2,))],
        [Operator("SVDF", (0, 1), (2,)), Operator("SVDF", (2, 1), (3,))],
        (0,),
        (3,),
    )
    return replace(graph, **changes)


def test_an_op_that_updates_a_variable_tensor(monkeypatch):
    monkeypatch.setitem(TFLITE_OPS, "SVDF", Accumulate)
    graph = imported(stateful()).main
    (state,) = graph.states
    assert state.name == "v" and state.initial is None
    x, one = np.array([1, 2], np.float32), np.ones(2, np.float32)
    y, kept = graph.evaluate([x, one])
    np.testing.assert_array_equal(y, x + one + x + one)
    np.testing.assert_array_equal(kept, y)


def test_a_variable_tensor_that_an_unknown_op_shares_is_left_to_tflite(monkeypatch):
    monkeypatch.setitem(TFLITE_OPS, "SVDF", Accumulate)
    operators = [*stateful().operators, Operator("CUSTOM:Unknown", (3, 1), (4,))]
    tensors = [*stateful().tensors, Tensor("w", (2,))]
    graph = imported(stateful(tensors=tensors, operators=operators, outputs=(4,))).main
    assert opcodes(graph) == ["VARIABLE_TENSOR", "SVDF", "SVDF", "CUSTOM:Unknown"]
    assert not graph.states


@pytest.mark.parametrize("start", [None, Tensor("start", (), "int32")])
def test_a_loop_is_an_op(start):
    model = counted_loop(3, start)
    graph = imported(*model).main
    assert opcodes(graph)[-1] == "tfl.while"
    runs = [given + ([np.array(i, np.int32)] if start else []) for i, given in enumerate(RUNS)]
    check(*model, runs=runs, states=0)


def test_a_loop_whose_body_reshapes_its_value():
    main = Subgraph(
        [Tensor("x", (2,)), i32("zero", 0), Tensor("n", (), "int32"), Tensor("y", (-1,))],
        [while_op((1, 0), (2, 3), 1, 2)],
        (0,),
        (3,),
    )
    _, cond, body = counted_loop(2)
    joined = Operator("CONCATENATION", (1, 1), (5,), Table("ConcatenationOptions", {}))
    main.tensors[3].shape, main.tensors[3].extra["shape_signature"] = (1,), np.array([-1], np.int32)
    body = replace(
        body,
        tensors=[*body.tensors[:5], Tensor("twice", (4,))],
        operators=[body.operators[0], joined],
        outputs=(4, 5),
    )
    graph = imported(main, cond, body).main
    (loop,) = [op for op in graph.ops if op.regions]
    assert [v.type.dynamic for v in loop.results] == [False, True]
    assert loop.body.inputs[1].type.dynamic and loop.body.outputs[1].type.dynamic
    (want,) = next(litert_runs(write(main, cond, body), RUNS[:1]))
    (made,) = next(litert_runs(write_graph(graph), RUNS[:1]))
    np.testing.assert_array_equal(made, want)


@pytest.mark.parametrize("flag", [True, False])
def test_a_branch_is_an_op(flag):
    def branch(opcode, options):
        tensors = [Tensor("a", (2,)), Tensor("b", (2,))]
        return Subgraph(tensors, [Operator(opcode, (0, 0), (1,), options)], (0,), (1,))

    tensors = [Tensor("flag", (), "bool"), Tensor("x", (2,)), Tensor("y", (2,))]
    main = Subgraph(tensors, [if_op((0, 1), (2,), 1, 2)], (0, 1), (2,))
    runs = [[np.array(flag), *given] for given in RUNS]
    check(main, branch("ADD", ADD), branch("MUL", MUL), runs=runs, states=0)


@pytest.mark.parametrize("target", [0, 1])
def test_a_subgraph_that_runs_itself_is_an_error(target):
    main, cond, body = counted_loop(3)
    again = replace(body, operators=[*body.operators[:2], while_op((0, 5), (7, 6), target, 2)])
    again.tensors = [*body.tensors, Tensor("m", (), "int32")]
    with pytest.raises(ModelError, match="circle"):
        imported(main, cond, again)


def nested(depth: int) -> list[Subgraph]:
    """Subgraphs that each run the next one twice."""
    made = []
    for i in range(depth):
        tensors = [Tensor("flag", (), "bool"), *(Tensor(n, (2,)) for n in "xyz")]
        calls = [if_op((0, 0, 1), (2,), i + 1, i + 1), if_op((0, 0, 2), (3,), i + 1, i + 1)]
        made.append(Subgraph(tensors, calls, (0, 1), (3,)))
    last = replace(made[0], operators=[Operator("ADD", (1, 1), (3,), ADD)])
    return [*made, last]


@pytest.mark.parametrize("depth", [12, 300])
def test_subgraphs_in_subgraphs_are_bounded(depth):
    module = imported(*nested(depth))
    assert sum(1 for _ in module.main.walk()) < 1 << 17


def test_a_shape_that_depends_on_a_value_is_dynamic():
    main = Subgraph(
        [Tensor("x", (2,)), Tensor("n", (1,), "int32"), Tensor("y", (4,)), Tensor("z", (4,))],
        [Operator("TILE", (0, 1), (2,)), Operator("NEG", (2,), (3,), Table("NegOptions", {}))],
        (0, 1),
        (3,),
    )
    tile, neg = imported(main).main.ops
    assert tile.results[0].type.dynamic and tile.results[0].type.signature == (-1,)
    assert neg.operands[0].type.dynamic
