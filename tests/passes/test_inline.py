"""What is known to run is put in its place; the rest stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from support.control_models import ADD, MUL, counted_loop, i32, if_op, litert_runs, while_op
from support.small_models import imported
from support.tflite_writer import Operator, Subgraph, Table, Tensor, write
from tflgpuc.passes.inline import Inline
from tflgpuc.targets import DEFAULT, load_target

X = np.array([1.5, -2], np.float32)
TARGET = load_target(DEFAULT)


def inlined(*subgraphs: Subgraph, **options):
    graph = imported(*subgraphs).main
    made = Inline(**options).run(graph, TARGET)
    made.verify()
    return made


def check(*subgraphs: Subgraph, given=(X,), **options):
    """The inlined graph, which computes what LiteRT does with the file."""
    made = inlined(*subgraphs, **options)
    (want,) = litert_runs(write(*subgraphs), [given])
    for a, b in zip(want, made.evaluate(list(given)), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-6)
    return made


def names(graph) -> list[str]:
    return [op.name for op in graph.ops if op.name != "tfl.constant"]


def unary(opcode: str, options: Table) -> Subgraph:
    tensors = [Tensor("a", (2,)), Tensor("b", (2,))]
    return Subgraph(tensors, [Operator(opcode, (0, 0), (1,), options)], (0,), (1,))


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_loop_of_known_length_is_unrolled(count):
    graph = check(*counted_loop(count))
    assert names(graph) == ["tfl.add"] * (2 * count)
    constants = [op for op in graph.ops if op.name == "tfl.constant"]
    assert len(constants) == (1 if count else 0)


def test_unrolled_ops_come_from_the_loop_too():
    graph = inlined(*counted_loop(2))
    op = next(op for op in graph.ops if op.name == "tfl.add")
    assert [s.opcode for s in op.sources] == ["ADD", "WHILE"]


def test_a_loop_that_the_input_ends_stays():
    model = counted_loop(3, Tensor("start", (), "int32"))
    assert names(check(*model, given=(X, np.array(1, np.int32)))) == ["tfl.while"]


@pytest.mark.parametrize("options", [{"iterations": 4}, {"ops": 7}])
def test_a_long_loop_stays(options):
    assert names(check(*counted_loop(5), **options)) == ["tfl.while"]


def test_an_endless_loop_stays():
    main, cond, body = counted_loop(5)
    body = replace(body, outputs=(0, 6))
    assert names(inlined(main, cond, body)) == ["tfl.while"]


def test_loops_in_loops():
    main, cond, body = counted_loop(3)
    inner = [*body.tensors, i32("zero", 0), Tensor("m", (), "int32"), Tensor("out", (2,))]
    loop = while_op((7, 6), (8, 9), 3, 4)
    outer = replace(body, tensors=inner, operators=[*body.operators, loop], outputs=(4, 9))
    _, limit, least = counted_loop(2)
    assert names(check(main, cond, outer, limit, least)) == ["tfl.add"] * (3 * 6)


def test_loops_in_loops_without_end_are_given_up_soon():
    scalar = Tensor("i", (), "int32")
    always = Subgraph([scalar, Tensor("yes", (), "bool", np.array(True))], [], (0,), (1,), "always")
    graphs = [
        Subgraph([scalar, Tensor("o", (), "int32")], [while_op((0,), (1,), 1, 2)], (0,), (1,))
    ]
    graphs.append(always)
    for i in range(3, 10):
        operators = [while_op((0,), (1,), 1, i)]
        graphs.append(Subgraph([scalar, Tensor("o", (), "int32")], operators, (0,), (1,), f"b{i}"))
    graphs.append(Subgraph([scalar], [], (0,), (0,), "last"))
    assert names(inlined(*graphs)) == ["tfl.while"]


def test_what_becomes_known_stops_being_opaque():
    main, cond, body = counted_loop(2)
    tensors = [*body.tensors, i32("shape", [1]), Tensor("begin", (1,), "int32"), i32("two", [2])]
    tensors += [Tensor("rest", (1,), extra={"shape_signature": np.array([-1], np.int32)})]
    tensors += [i32("all", [-1]), Tensor("sum", (2,))]
    operators = [
        *body.operators,
        Operator("RESHAPE", (0, 7), (8,)),
        Operator("SLICE", (6, 8, 11), (10,)),
        Operator("ADD", (10, 1), (12,), ADD),
    ]
    # The second time the slice is of one element, which the sum repeats.
    body = replace(body, tensors=tensors, operators=operators, outputs=(4, 12))
    before = imported(main, cond, body).main
    assert any(op.name == "tfl.opaque" for op in before.walk())
    graph = check(main, cond, body)
    assert names(graph).count("tfl.slice") == 2 and "tfl.opaque" not in names(graph)


@pytest.mark.parametrize("flag", [True, False])
def test_a_branch_that_is_always_taken(flag):
    tensors = [Tensor("flag", (), "bool", np.array(flag)), Tensor("x", (2,)), Tensor("y", (2,))]
    main = Subgraph(tensors, [if_op((0, 1), (2,), 1, 2)], (1,), (2,))
    graph = check(main, unary("ADD", ADD), unary("MUL", MUL))
    assert names(graph) == ["tfl.add" if flag else "tfl.mul"]


def test_a_branch_that_the_input_takes_stays():
    tensors = [Tensor("flag", (), "bool"), Tensor("x", (2,)), Tensor("y", (2,))]
    main = Subgraph(tensors, [if_op((0, 1), (2,), 1, 2)], (0, 1), (2,))
    given = np.array(True), X
    graph = check(main, unary("ADD", ADD), unary("MUL", MUL), given=given)
    assert names(graph) == ["tfl.if"]


def test_a_composite_is_its_decomposition():
    fields = {"name": "odml.x", "decomposition_subgraph_index": 1, "composite_attributes": b""}
    options = Table("StableHLOCompositeOptions", fields)
    main = Subgraph(
        [Tensor("x", (2,)), Tensor("y", (2,)), Tensor("z", (2,))],
        [Operator("STABLEHLO_COMPOSITE", (i,), (i + 1,), options) for i in (0, 1)],
        (0,),
        (2,),
    )
    graph = check(main, unary("MUL", MUL))
    assert names(graph) == ["tfl.mul", "tfl.mul"]


def test_a_graph_that_keeps_something_of_its_own_stays():
    main, cond, body = counted_loop(2)
    variable = Tensor("v", (2,), extra={"is_variable": True})
    operators = [*body.operators, Operator("ADD", (6, 7), (8,), ADD)]
    tensors = [*body.tensors, variable, Tensor("sum", (2,))]
    body = replace(body, tensors=tensors, operators=operators, outputs=(4, 8))
    assert names(inlined(main, cond, body)) == ["tfl.while"]


def test_other_quantisation_inside_stays():
    def quantised(name: str, scale: float) -> Tensor:
        fields = {"scale": np.array([scale], np.float32), "zero_point": np.array([0], np.int64)}
        return Tensor(
            name, (2,), "int8", extra={"quantization": Table("QuantizationParameters", fields)}
        )

    tensors = [
        Tensor("flag", (), "bool", np.array(True)), quantised("x", 0.5), quantised("y", 0.5)
    ]  # fmt: skip
    main = Subgraph(tensors, [if_op((0, 1), (2,), 1, 1)], (1,), (2,))
    branch = Subgraph([quantised("a", 0.25)], [], (0,), (0,))
    assert names(inlined(main, branch)) == ["tfl.if"]
    branch = Subgraph([quantised("a", 0.5)], [], (0,), (0,))
    assert names(inlined(main, branch)) == []


def test_nothing_to_do_gives_the_same_graph():
    graph = imported(unary("ADD", ADD)).main
    assert Inline().run(graph, TARGET) is graph
