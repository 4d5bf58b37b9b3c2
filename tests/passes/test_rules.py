"""Rewriting: fixed points, provenance, tracing."""

from __future__ import annotations

import pytest

from tflgpuc.ir.errors import PassError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Source
from tflgpuc.ir.graph.ops.neg import Neg
from tflgpuc.ir.graph.ops.relu import Relu
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.passes.rules import Match, Rules, Tracer, prune
from tflgpuc.targets import load_target

TARGET = load_target("generic-gles31")


def chain(length: int) -> Graph:
    x = runtime(1, 2, 2, 4)
    ops = []
    value = x
    for i in range(length):
        op = Neg(x=value, sources=(Source(0, i, "NEG", (f"n{i}",)),))
        ops.append(op)
        value = op.result
    return Graph((x,), tuple(ops), (value,))


def double_negation() -> Rules:
    rules = Rules("double-negation")

    @rules
    def cancel(op: Neg, match: Match):
        if not isinstance(op.x.op, Neg):
            return match.no("only one")
        return op.x.op.x

    return rules


def test_runs_to_a_fixed_point_on_deep_graphs():
    assert len(double_negation().apply(chain(5001), TARGET).ops) == 1


def test_nothing_to_do_gives_the_same_graph():
    graph = chain(1)
    assert double_negation().apply(graph, TARGET) is graph


def test_the_tracer_says_why_not():
    tracer = Tracer()
    double_negation().apply(chain(2), TARGET, tracer)
    assert tracer.fired == {"cancel": 1}
    assert tracer.refused["cancel"]["only one"] >= 1
    assert any("refused" in line for line in tracer.report())


def test_new_ops_come_from_the_op_they_replace():
    rules = Rules("to-relu")

    @rules
    def relu(op: Neg, match: Match):
        return Relu(x=Relu(x=op.x).result)

    made = rules.apply(chain(1), TARGET)
    assert [op.name for op in made.ops] == ["tfl.relu", "tfl.relu"]
    assert all(op.sources == (Source(0, 0, "NEG", ("n0",)),) for op in made.ops)


def test_a_rule_may_not_change_shapes():
    rules = Rules("broken")

    @rules
    def flatten(op: Neg, match: Match):
        return Reshape(tensor=op.x, new_shape=(16,))

    with pytest.raises(PassError, match="changes the shape"):
        rules.apply(chain(1), TARGET)


def test_a_loop_is_found():
    rules = Rules("endless")

    @rules
    def again(op: Neg, match: Match):
        return Neg(x=op.x)

    with pytest.raises(PassError, match="still change"):
        rules.apply(chain(1), TARGET, limit=5)


def test_prune_drops_what_no_output_needs():
    graph = chain(3)
    shorter = Graph(graph.inputs, graph.ops, (graph.ops[0].result,))
    assert len(prune(shorter).ops) == 1
