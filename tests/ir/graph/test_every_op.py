"""What holds of every op; a new one is covered as soon as its file exists."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tflgpuc.ir.graph.ops
from support.graphs import graph_of, random_array
from tflgpuc.ir.errors import VerifyError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import HOOKS, OPS, TFLITE_OPS, Op, Value
from tflgpuc.ir.graph.ops.softmax import Softmax
from tflgpuc.ir.graph.types import NUMPY

NAMED = [pytest.param(cls, id=name) for name, cls in sorted(OPS.items())]
SAMPLES = [
    pytest.param(sample, id=f"{name}-{i}")
    for name, cls in sorted(OPS.items())
    for i, sample in enumerate(cls.samples())
]


@pytest.mark.parametrize("sample", SAMPLES)
def test_sample_verifies_in_a_graph(sample: Op) -> None:
    graph_of(sample).verify()


@pytest.mark.parametrize("sample", SAMPLES)
def test_reference_makes_the_inferred_types(sample: Op) -> None:
    rng = np.random.default_rng(0)
    graph = graph_of(sample)
    made = graph.evaluate([random_array(rng, v.type) for v in graph.inputs])
    assert [(a.shape, a.dtype) for a in made] == [
        (v.type.shape, NUMPY[v.type.dtype]) for v in sample.results
    ]


@pytest.mark.parametrize("sample", SAMPLES)
def test_reference_leaves_its_operands_alone(sample: Op) -> None:
    rng = np.random.default_rng(0)
    graph = graph_of(sample)
    arrays = [random_array(rng, v.type) for v in graph.inputs]
    kept = [a.copy() for a in arrays]
    graph.evaluate(arrays)
    for array, copy in zip(arrays, kept, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("sample", SAMPLES)
def test_sample_survives_new_operands(sample: Op) -> None:
    new = {v: Value(v.type, v.name, v.op, v.index) for v in sample.operands}
    moved = sample.with_operands(new)
    assert [r.type for r in moved.results] == [r.type for r in sample.results]
    assert set(moved.operands) == set(new.values())


@pytest.mark.parametrize("cls", NAMED)
def test_op_is_declared_in_full(cls: type[Op]) -> None:
    assert cls.__doc__ and not cls.__doc__.startswith(f"{cls.__name__}(")
    assert cls.name in ("gpu.fused", "cpu.segment", "tfl.opaque") or list(cls.samples())
    # An operand annotated in another way would silently become an attribute.
    annotated = inspect.get_annotations(cls)
    attributes = [f for f, kind in cls.kinds().items() if kind == "attribute"]
    assert not [f for f in attributes if "Value" in annotated.get(f, "")]


@pytest.mark.parametrize("cls", list(TFLITE_OPS.values()), ids=list(TFLITE_OPS))
def test_op_name_is_the_tflite_name(cls: type[Op]) -> None:
    if not cls.tflite.startswith("CUSTOM:"):
        assert cls.name == f"tfl.{cls.tflite.lower()}"


def test_a_misspelt_hook_is_refused() -> None:
    with pytest.raises(TypeError, match="is verify meant"):

        class Bad(Op):
            def _verify_(self) -> None: ...

    for hook in HOOKS:
        with pytest.raises(TypeError, match=f"is {hook} meant"):
            type("Bad", (Op,), {f"{hook}s": lambda self: None})


def test_a_name_is_taken_once() -> None:
    with pytest.raises(TypeError, match=r"already named tfl\.constant"):

        class Again(Op, name="tfl.constant"):
            pass


def test_a_graph_refuses_a_value_before_its_definition() -> None:
    first = next(Softmax.samples())
    stray = Softmax(input=first.result)
    with pytest.raises(VerifyError, match=r"operand 0 .* not defined yet"):
        Graph(first.operands, (stray, first), stray.results).verify()


def test_importing_the_package_registers_every_file() -> None:
    modules = {cls.__module__ for cls in OPS.values()}
    assert modules >= {
        f"{tflgpuc.ir.graph.ops.__name__}.{m}" for m in ("constant", "conv_2d", "mean")
    }
