"""What the .tflite writer makes: the frontend reads it back, and LiteRT runs it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tflite

import tflgpuc.ir.graph.ops  # noqa: F401  registers every op
from support.graphs import graph_of, random_array
from support.models import zoo_models
from tflgpuc.backends.tflite import write
from tflgpuc.backends.tflite.options import options_fields
from tflgpuc.frontend import import_model
from tflgpuc.ir.errors import TflgpucError, UnsupportedError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import OPS, Array, Op, Source, Value
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.broadcast_to import BroadcastTo
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.copy import Copy
from tflgpuc.ir.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.graph.ops.relu import Relu
from tflgpuc.ir.graph.ops.rnn import Rnn
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.text import print_graph
from tflgpuc.ir.graph.types import NUMPY, Quantization, TensorType
from tflgpuc.ir.tflite_schema import OPCODES

STRING = r'"(?:[^"\\]|\\.)*"'
ZOO = {path.stem: path for path in zoo_models()}
# Control flow, state, resources, quantised and hybrid operators, f16 and sparse constants.
FEW = (
    "op_nested_while",
    "op_call_once_mul",
    "op_lstm_quantized",
    "op_test_variable",
    "dtln_model_1_while_f32",
    "face_detection_short_range_fp16",
    "pose_detection_sparse_fp16",
    "yamnet_audio_hybrid",
)


def anonymous(graph: Graph) -> str:
    """A graph's text without names and sources, floats as TFLite keeps them."""
    text = re.sub(rf" (?:names|inputs|outputs)\((?:{STRING}(?:, )?)*\)", "", print_graph(graph))
    text = re.sub(r" loc\(.*\)$", "", text, flags=re.MULTILINE)
    text = re.sub(r" signature\([^)]*\)", "", text)
    text = re.sub(r"in_data_type = \"\w+\"", "", text)
    text = re.sub(r"-?\d+\.\d+(e[-+]\d+)?", lambda m: repr(float(np.float32(m[0]))), text)
    head, _, rest = text.partition("\n")
    return re.sub(rf" {STRING}(?=[,)])", "", head) + "\n" + rest


def in_tflite(op: Op) -> bool:
    """Whether a .tflite file can say what the op says."""
    written = op.tflite or isinstance(op, Constant)
    return bool(written) and op.attributes.get("padding") != "EXPLICIT"


def as_written(op: Op) -> Op:
    """The op with the bias that the writer adds where runtimes need one."""
    if isinstance(op, Conv2D | DepthwiseConv2D) and op.bias is None:
        return replace(op, bias=constant(np.zeros(op.result.type.shape[-1], np.float32)))
    return op


SAMPLES = [
    pytest.param(sample, id=f"{name}-{i}")
    for name, cls in sorted(OPS.items())
    for i, sample in enumerate(cls.samples())
    if in_tflite(sample)
]


@pytest.mark.parametrize("sample", SAMPLES)
def test_samples_come_back(sample: Op) -> None:
    graph = graph_of(as_written(sample))
    file = write(graph_of(sample))
    read = import_model(file).main
    assert write(graph_of(sample)) == file
    if any(op.name == sample.name for op in read.ops):
        assert anonymous(read) == anonymous(graph)
        return
    # Shape arithmetic is computed while it is read.
    arrays = [np.zeros(v.type.shape, np.float32) for v in graph.inputs]
    for made, wanted in zip(read.evaluate(arrays), graph.evaluate(arrays), strict=True):
        np.testing.assert_array_equal(made, wanted, strict=True)


def test_every_opcode_finds_its_table() -> None:
    """By the fields that their options have in common, whatever the table is called."""
    named = {
        code: next(
            (v.name for v in options_fields(code, {}, "").values() if hasattr(v, "name")), ""
        )
        for code in OPCODES.values()
    }
    assert set(vars(tflite.BuiltinOptions)) | set(vars(tflite.BuiltinOptions2)) >= {
        name for name in named.values() if name
    }
    unions = (tflite.BuiltinOptions, tflite.BuiltinOptions2)
    tables = {k for union in unions for k in vars(union) if k.endswith("Options")}
    assert set(named.values()) - {""} == tables
    assert named["UNIDIRECTIONAL_SEQUENCE_RNN"] == "SequenceRNNOptions"
    assert named["RNN"] == "RNNOptions"


def test_names_stay_and_are_made_unique() -> None:
    x = Value(TensorType("f32", (2,)), "x")
    one = Relu(x=x, names=("same",)).result
    two = Relu(x=one, names=("same",)).result
    graph = Graph((x,), (one.op, two.op), (two,), "net", ("in",), ("same",))
    made = import_model(write(graph)).main
    assert (made.name, made.input_names, made.output_names) == ("net", ("in",), ("same",))
    assert made.ops[0].names == ("same_1",)
    assert made.ops[1].names == ("same",)


def test_equal_constants_share_an_aligned_buffer() -> None:
    x = runtime(1, 3)
    row = np.array([[1, 2, 3]], np.float32)
    one = Add(lhs=x, rhs=constant(row)).result
    two = Add(lhs=one, rhs=constant(row.copy())).result
    three = Add(lhs=two, rhs=constant(2 * row))
    file = write(graph_of(three))
    model = tflite.Model.GetRootAs(file, 0)
    assert model.BuffersLength() == 3
    for i in (1, 2):
        table = model.Buffers(i)._tab
        assert table.Vector(table.Offset(4)) % 16 == 0


def test_quantisation_and_open_axes() -> None:
    quantization = Quantization((0.5, 0.25), (3, 4), 1)
    type = TensorType("i8", (1, 2), quantization=quantization, signature=(-1, 2))
    x = Value(type, "x")
    made = import_model(write(Graph((x,), (), (x,)))).main
    assert made.inputs[0].type == type
    assert made.inputs[0].type.signature == (-1, 2)


def test_opaque_operators_stay_what_they_were() -> None:
    x = Value(TensorType("f32", (1, 4)), "x")
    state = Opaque(
        inputs=(), opcode="VARIABLE_TENSOR", types=(TensorType("f32", (1, 8)),), names=("state",)
    )
    lstm = Opaque(
        inputs=(x, state.result),
        opcode="BIDIRECTIONAL_SEQUENCE_LSTM",
        version=3,
        options=(
            ("fused_activation_function", "TANH"),
            ("cell_clip", 0.5),
            ("time_major", True),
        ),
        absent=(0, 3),
        types=(TensorType("f32", (1, 8)),),
        intermediates=(TensorType("i16", (1,), quantization=Quantization((0.5,), (0,))),),
    )
    custom = Opaque(
        inputs=(lstm.result,),
        opcode="CUSTOM:Odd",
        version=2,
        custom_options=b"\x01\x02",
        types=(TensorType("string", ()), TensorType("resource", (1,))),
    )
    graph = Graph((x,), (state, lstm, custom), custom.results)
    made = import_model(write(graph)).main
    assert [op.name for op in made.ops] == ["tfl.opaque"] * 3
    _, first, second = made.ops
    assert isinstance(first, Opaque)
    assert isinstance(second, Opaque)
    assert (first.opcode, first.version, first.absent) == (lstm.opcode, 3, (0, 3))
    assert set(lstm.options) <= set(first.options)
    assert first.inputs[1].op.attributes["opcode"] == "VARIABLE_TENSOR"
    assert first.intermediates == lstm.intermediates
    assert (second.opcode, second.version, second.custom_options) == ("CUSTOM:Odd", 2, b"\x01\x02")
    assert second.types == custom.types


def test_versions() -> None:
    x = runtime(2)
    sources = (Source(0, 0, "RELU", ("r",), 2), Source(0, 1, "ADD", ("a",), 5))
    relu = Relu(x=x, sources=sources)
    wide = BroadcastTo(input=relu.result, shape=constant([3, 2]))
    file = write(Graph((x,), (relu, wide.shape.op, wide), wide.results))
    model = tflite.Model.GetRootAs(file, 0)
    assert [model.OperatorCodes(i).Version() for i in range(2)] == [2, 2]
    assert import_model(file).main.ops[0].sources[0].version == 2


def test_subgraphs_that_options_name() -> None:
    x = Value(TensorType("f32", (2,)), "x")
    body = Value(TensorType("f32", (2,)), "b")
    callee = Graph((body,), (op := Relu(x=body),), op.results, "callee")
    call = Opaque(
        inputs=(x,),
        opcode="STABLEHLO_SORT",
        options=(("dimension", 0), ("comparator_subgraph_index", 2)),
        types=(x.type,),
    )
    graph = Graph((x,), (call, call2 := replace(call)), (*call.results, *call2.results))
    with pytest.raises(UnsupportedError, match="runs subgraph 2, which isn't given"):
        write(graph)
    module = import_model(write(graph, subgraphs=(graph, graph, callee)))
    assert [g.name for g in module.graphs] == ["main", "callee"]
    assert dict(module.main.ops[0].options)["comparator_subgraph_index"] == 1


def test_states_are_updated_in_place() -> None:
    cell = next(Rnn.samples())
    made, new = cell.results
    read = Relu(x=cell.hidden_state)
    with pytest.raises(UnsupportedError, match="hidden_state is read after its update"):
        write(graph_of(cell).with_ops((*graph_of(cell).ops, read)))
    constants = tuple(v.op for v in cell.operands if v.op)
    start = Relu(x=runtime(*cell.hidden_state.type.shape))
    late = replace(cell, hidden_state=start.result)
    with pytest.raises(UnsupportedError, match="hidden_state is no input"):
        write(Graph((cell.input, start.x), (*constants, start, late), late.results))
    graph = Graph((cell.input, cell.hidden_state), (*constants, cell), (made, new))
    table = tflite.Model.GetRootAs(write(graph), 0).Subgraphs(0)
    assert table.Inputs(1) == table.Outputs(1)
    assert table.Tensors(table.Inputs(1)).IsVariable()


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (next(Copy.samples()), "TFLite has no gpu.copy"),
        (
            Opaque(inputs=(), opcode="RELU", options=(("alpha", 1.0),)),
            "TFLite's RELU has no alpha",
        ),
        (
            Opaque(inputs=(), opcode="CONV_2D", options=(("padding", "ODD"),)),
            "TFLite has no padding ODD",
        ),
        (Opaque(inputs=(), opcode="NEVER_HEARD"), "TFLite has no operator NEVER_HEARD"),
    ],
)
def test_what_tflite_lacks_is_refused(op: Op, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        write(graph_of(op))


def test_numbers_that_enumerations_lack_come_back() -> None:
    x = runtime(1)
    op = Opaque(inputs=(x,), opcode="LSH_PROJECTION", options=(("type", "type 7"),))
    made = import_model(write(Graph((x,), (op,), ()))).main.ops[0]
    assert dict(made.attributes["options"])["type"] == "type 7"


# --- LiteRT ---


def run_litert(file: bytes, inputs: list[Array]) -> list[Array]:
    """The outputs; the file takes as many of the inputs as it has."""
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = litert.Interpreter(model_content=file, num_threads=1)
    interpreter.allocate_tensors()
    for detail, array in zip(interpreter.get_input_details(), inputs, strict=False):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


def inputs_of(graph: Graph) -> list[Array]:
    """Random inputs, and what the states are at first."""
    rng = np.random.default_rng(0)
    given = graph.inputs[: len(graph.inputs) - len(graph.states)]
    states = [
        np.zeros(s.type.shape, NUMPY[s.type.dtype]) if s.initial is None else s.initial
        for s in graph.states
    ]
    return [*(random_array(rng, v.type) for v in given), *states]


def difference(path: Path) -> str:
    """How LiteRT's results for a model differ from those for what is written of it.

    Skips what can't be imported or run. States, which are inputs and outputs too, come last.
    """
    try:
        module = import_model(path)
        inputs = inputs_of(module.main)
        wanted = run_litert(path.read_bytes(), inputs)
    except (TflgpucError, RuntimeError, ValueError, KeyError) as error:
        return f"skipped: {error}"
    made = run_litert(write(module.main, subgraphs=module.graphs), inputs)
    if len(made) != len(wanted) + len(module.main.states):
        return f"{path.name}: {len(made)} outputs"
    for i, (a, b) in enumerate(zip(made, wanted, strict=False)):
        if (a.shape, a.dtype, a.tobytes()) != (b.shape, b.dtype, b.tobytes()):
            return f"output {i} of {path.name} differs"
    return ""


def test_fetched_models_run_the_same(models: dict[str, Path]) -> None:
    for name in ("face_detection_short_range", "palm_detection_lite"):
        assert difference(models[name]) == ""


@pytest.mark.zoo
@pytest.mark.parametrize("name", FEW)
def test_a_few_zoo_models_run_the_same(name: str) -> None:
    if name not in ZOO:
        pytest.skip(f"the zoo has no {name}")
    assert difference(ZOO[name]) == ""


@pytest.mark.zoo
def test_all_zoo_models_run_the_same(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--sweep"):
        pytest.skip("a few zoo models are written: --sweep writes them all")
    found = [difference(path) for path in ZOO.values()]
    assert [text for text in found if text and not text.startswith("skipped")] == []
    assert found.count("") > len(found) / 2
