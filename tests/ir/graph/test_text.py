"""The graph's text form: everything prints and parses back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import tflgpuc.ir.graph.ops  # noqa: F401
from support.small_models import imported
from support.tflite_writer import Operator, Subgraph, Tensor
from tflgpuc.ir.errors import ParseError, VerifyError
from tflgpuc.ir.graph.graph import Graph, State
from tflgpuc.ir.graph.op import OPS, Source, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.neg import Neg
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.graph.parse import parse_graph, parse_module
from tflgpuc.ir.graph.sampling import constant, runtime, weights
from tflgpuc.ir.graph.text import constants_of, difference, equal, print_graph, print_module
from tflgpuc.ir.graph.types import DTYPES, NUMPY, Quantization, TensorType
from tflgpuc.passes.pipeline import parse_pipeline
from tflgpuc.targets import load_target

SAMPLES = [
    pytest.param(sample, id=f"{name}-{i}")
    for name, cls in sorted(OPS.items())
    for i, sample in enumerate(cls.samples())
]


def graph_of(op) -> Graph:
    inputs = tuple(dict.fromkeys(v for v in op.operands if v.constant is None))
    constants = tuple(dict.fromkeys(v.op for v in op.operands if v.constant is not None))
    return Graph(inputs, (*constants, op), op.results)


def round_trip(graph: Graph) -> Graph:
    made = parse_graph(print_graph(graph), constants_of(graph))
    assert print_graph(made) == print_graph(graph)
    assert equal(made, graph)
    made.verify()
    return made


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_sample_round_trips(sample):
    graph = graph_of(sample)
    made = round_trip(graph)
    rng = np.random.default_rng(0)
    values = [rng.uniform(0.5, 1, v.type.shape).astype(NUMPY[v.type.dtype]) for v in graph.inputs]
    for want, got in zip(graph.evaluate(values), made.evaluate(values), strict=True):
        np.testing.assert_array_equal(want, got)


def test_the_form(golden):
    """A graph before and after fusion and layout, small enough to read."""
    x = runtime(1, 4, 4, 3, name="image")
    conv = OPS["tfl.conv_2d"](
        input=x,
        filter=weights(8, 3, 3, 3),
        bias=constant(np.arange(8, dtype=np.float32)),
        fused_activation_function="RELU6",
        sources=(Source(0, 4, "CONV_2D", ("block/conv", "other")),),
        names=("block/conv",),
    )
    softmax = OPS["tfl.softmax"](input=conv.result)
    graph = Graph(
        (x,),
        (conv.filter.op, conv.bias.op, conv, softmax),
        softmax.results,
        input_names=("image",),
        output_names=("features",),
    )
    text = print_graph(graph)
    target = load_target("generic-gles31")
    for p in parse_pipeline("canonicalize,fuse,layout,precision{storage=f16,bound=0.0}"):
        graph = p.run(graph, target)
    round_trip(graph)
    golden("conv.tfl", text + print_graph(graph))


@given(
    arrays.arrays(
        st.sampled_from([d for d in DTYPES if d.kind != "c"]),
        arrays.array_shapes(min_dims=0, max_dims=3, min_side=0),
    )
)
def test_constants_round_trip(data):
    op = Constant(data=data, type=TensorType(DTYPES[data.dtype], data.shape))
    made = round_trip(Graph((), (op,), op.results))
    np.testing.assert_array_equal(made.ops[0].data, data)
    assert made.ops[0].data.dtype == data.dtype


attributes = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4).map(tuple),
    max_leaves=12,
)


@given(st.lists(st.tuples(st.text(), attributes), max_size=4).map(tuple), st.text(), st.text())
def test_attributes_and_names_round_trip(options, name, opcode):
    type = TensorType(
        "i8", (2, 3), quantization=Quantization((0.5, 1e-9, 3.0), (0, -7, 2), 1), signature=(-1, 3)
    )
    x = Value(type, name)
    op = Opaque(
        inputs=(x, x), opcode=opcode, version=2, options=options, custom_options=b"\0\xff",
        absent=(1,), types=(type, TensorType("string", ())), reason=name,
        names=(name, ""), sources=(Source(0, 1, opcode, (name,)), Source(1, 2, "ADD", ())),
    )  # fmt: skip
    made = round_trip(Graph((x,), (op,), op.results, name=name))
    assert repr(made.ops[0].options) == repr(options)
    assert made.ops[0].sources == op.sources
    assert made.inputs[0].type.signature == (-1, 3)
    assert made.ops[0].results[0].type.quantization == type.quantization


def test_deep_graphs():
    x = runtime(2, 2)
    ops, value = [], x
    for _ in range(3000):
        ops.append(Neg(x=value))
        value = ops[-1].result
    assert len(round_trip(Graph((x,), tuple(ops), (value,))).ops) == 3000


def test_modules_round_trip():
    add = Subgraph(
        tensors=[Tensor("a", (2,)), Tensor("b", (2,)), Tensor("c", (2,))],
        operators=[Operator("ADD", (0, 1), (2,))],
        inputs=(0, 1),
        outputs=(2,),
    )
    module = imported(add, add)
    text = print_module(module)
    made = parse_module(text, constants_of(module))
    assert print_module(made) == text
    assert len(made.graphs) == 2


def test_differences_are_named():
    x = runtime(4)
    one, two = Neg(x=x), Neg(x=x, names=("y",))
    assert difference(graph_of(one), graph_of(two)) == (
        '%1 = tfl.neg(%0) : 4xf32\n%1 = tfl.neg(%0) : 4xf32 names("y")'
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%1 = tfl.negg(%0) : 4xf32", r"2:8: no such op: tfl.negg"),
        ("%1 = tfl.neg(%7) : 4xf32", r"2:16: no such value: %7"),
        ("%1 = tfl.neg(%0) : 5xf32", r"2:8: gives 4xf32, not 5xf32"),
        ("%1 = tfl.neg(%0, %0) : 4xf32", r"2:8: tfl.neg takes 1 operands, not 2"),
        ("%1 = tfl.neg(%0) {speed = 3} : 4xf32", r"2:8: .*speed"),
        ("%1 = tfl.neg(%0 : 4xf32", r"2:19: unexpected text"),
        (
            '%1 = tfl.constant() {data = dense<"<f4" "99" digest "ab">, type = !99xf32} : 99xf32',
            "wasn't given",
        ),
    ],
)
def test_errors_have_a_place(text, message):
    whole = f'graph @"g"(%0: 4xf32) {{\n  {text}\n  return %0\n}}'
    with pytest.raises(ParseError, match=message):
        parse_graph(whole)


@pytest.mark.parametrize("size", [2, 40])
def test_states_round_trip(size):
    """Their initial values too: few as numbers, many by digest."""
    type = TensorType("f32", (size,))
    x, old, kept = Value(type, "x"), Value(type, "old"), Value(type, "kept")
    add = Neg(x=old)
    states = (State("sum", type, np.arange(size, dtype=np.float32)), State("kept", type))
    outputs = (x, add.result, kept)
    made = round_trip(Graph((x, old, kept), (add,), outputs, states=states))
    assert [s.name for s in made.states] == ["sum", "kept"]
    np.testing.assert_array_equal(made.states[0].initial, states[0].initial)
    assert made.states[1].initial is None


@pytest.mark.parametrize(
    "states",
    [
        (State("a", TensorType("f32", (3,))),),
        (State("a", TensorType("f32", (2,)), np.zeros(3, np.float32)),),
        (State("a", TensorType("f32", (2,))),) * 2,
        tuple(State(n, TensorType("f32", (2,))) for n in "abc"),
    ],
)
def test_states_have_to_fit(states):
    values = tuple(Value(TensorType("f32", (2,)), n) for n in "xy")
    with pytest.raises(VerifyError):
        Graph(values, (), values, states=states).verify()


def test_dynamic_types_round_trip():
    type = TensorType("f32", (1, 2), signature=(-1, 2), dynamic=True)
    op = Opaque(inputs=(), opcode="WHERE", types=(type,), at_run_time=True)
    made = round_trip(Graph((), (op,), op.results))
    assert made.outputs[0].type.dynamic and made.ops[0].at_run_time
