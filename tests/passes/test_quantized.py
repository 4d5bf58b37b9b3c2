"""Quantised ops against LiteRT: each as a model of one op, rewritten and evaluated in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tflgpuc.ir.graph.ops  # noqa: F401  (registers the ops)
from tflgpuc.backends.kernels.catalogue import unsupported
from tflgpuc.backends.tflite import write
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import OPS, Array, Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.types import DTYPES, NUMPY, DType, Quantization, TensorType
from tflgpuc.litert import LiteRt
from tflgpuc.passes.quantized import Quantized
from tflgpuc.targets import load_target

pytest.importorskip("ai_edge_litert")

TARGET = load_target("generic-gles31")
RNG = np.random.default_rng(3)
INTEGERS: tuple[DType, ...] = ("i8", "u8", "i16")
BYTES: tuple[DType, ...] = ("i8", "u8")
ZERO = {"i8": 3, "u8": 120, "i16": 0}
# Elements that may be off by more than one: see compiler/verification.py.
STRAY = 1e-3


def q(scale: float | Sequence[float], zero: int = 0, axis: int = 0) -> Quantization:
    scales = (scale,) if isinstance(scale, float) else tuple(scale)
    single = tuple(float(np.float32(s)) for s in scales)
    return Quantization(single, (zero,) * len(single), axis)


def value(dtype: DType, *shape: int, scale: float = 0.0, zero: int | None = None) -> Value:
    known = q(scale, ZERO.get(dtype, 0) if zero is None else zero) if scale else None
    return Value(TensorType(dtype, shape, quantization=known), "x")


def constant(data: Any, known: Quantization | None = None) -> Value:
    array = np.asarray(data)
    type = TensorType(DTYPES[array.dtype], array.shape, quantization=known)
    return Constant(data=array, type=type, names=("c",)).result


def integers(dtype: DType, *shape: int, low: int | None = None, high: int | None = None) -> Array:
    info = np.iinfo(NUMPY[dtype])
    ends = info.min if low is None else low, info.max if high is None else high
    return RNG.integers(ends[0], ends[1] + 1, shape).astype(NUMPY[dtype])


def ints(*data: int) -> Value:
    return constant(np.array(data, np.int32))


def made(name: str, result: Quantization | None = None, **fields: Any) -> Op:
    known = () if result is None else (result,)
    return OPS[f"tfl.{name}"](**fields, quantization=known, names=("y",))


def graph_of(op: Op) -> Graph:
    inputs = tuple(dict.fromkeys(v for v in op.operands if v.op is None))
    constants = dict.fromkeys(v.op for v in op.operands if v.op is not None)
    return Graph(inputs, (*constants, op), op.results)


def drawn(type: TensorType) -> Array:
    match NUMPY[type.dtype].kind:
        case "f":
            return (RNG.standard_normal(type.shape) * 2).astype(np.float32)
        case "b":
            return RNG.integers(0, 2, type.shape).astype(np.bool_)
    return integers(type.dtype, *type.shape)


def compare(folder: Path, op: Op, arrays: list[Array] | None = None) -> tuple[Graph, float]:
    """The rewritten graph; the largest difference from LiteRT, all but STRAY being at most 1."""
    graph = graph_of(op)
    rewritten = Quantized().run(graph, TARGET)
    rewritten.verify()
    given = arrays or [drawn(v.type) for v in graph.inputs]
    model = folder / "model.tflite"
    model.write_bytes(write(graph))
    wanted = LiteRt(model).run({str(i): a for i, a in enumerate(given)})
    worst = 0.0
    for got, want in zip(rewritten.evaluate(given), wanted, strict=True):
        assert (got.shape, got.dtype) == (want.shape, want.dtype)
        off = np.abs(got.astype(np.float64) - want.astype(np.float64))
        if want.dtype.kind == "f":
            assert off.max(initial=0) <= 1e-5 * max(1, np.abs(want).max(initial=0))
        else:
            assert np.mean(off > 1) <= STRAY
        worst = max(worst, float(off.max(initial=0)))
    return rewritten, worst


def stays(graph: Graph, name: str) -> bool:
    """Whether the op still computes with integers."""
    return any(
        op.name == f"tfl.{name}" and any(v.type.quantization for v in op.operands)
        for op in graph.ops
    )


UNARY = [
    ("elu", ("i8",), 0.05, 0.031, {}),
    ("abs", ("i8", "i16"), 0.05, 0.031, {}),
    ("hard_swish", BYTES, 0.05, 0.05, {}),
    ("leaky_relu", INTEGERS, 0.3, 0.23, {"alpha": 0.1}),
    ("leaky_relu", BYTES, 0.5, 0.5, {"alpha": 0.25}),
    ("relu", INTEGERS, 0.05, 0.031, {}),
    ("relu6", BYTES, 0.05, 0.031, {}),
    ("relu_n1_to_1", BYTES, 0.05, 0.02, {}),
    ("relu_0_to_1", BYTES, 0.05, 0.02, {}),
    ("exp", ("i8", "i16"), 0.05, 0.9, {}),
    ("gelu", INTEGERS, 0.05, 0.04, {"approximate": True}),
    ("gelu", INTEGERS, 0.05, 0.04, {"approximate": False}),
]


@pytest.mark.parametrize(
    ("name", "dtype", "given", "result", "attributes"),
    [(n, d, s, t, a) for n, dtypes, s, t, a in UNARY for d in dtypes],
)
def test_unary(
    tmp_path: Path, name: str, dtype: DType, given: float, result: float, attributes: Any
) -> None:
    fine = 1 / 256 if dtype == "i16" else 1.0
    x = value(dtype, 4, 50, 10, scale=given * fine)
    op = made(name, q(result * fine, ZERO[dtype]), x=x, **attributes)
    graph, _ = compare(tmp_path, op)
    assert not stays(graph, name)


@pytest.mark.parametrize(
    ("name", "dtype", "scale", "zero", "result"),
    [
        ("logistic", "i8", 0.05, 3, q(1 / 256, -128)),
        ("logistic", "u8", 0.05, 120, q(1 / 256, 0)),
        ("logistic", "i16", 2**-12, 0, q(2**-15)),
        ("logistic", "i16", 3e-4, 0, q(2**-15)),
        ("tanh", "i8", 0.03, 3, q(1 / 128)),
        ("tanh", "u8", 0.03, 120, q(1 / 128, 128)),
        ("tanh", "i16", 2**-12, 0, q(2**-15)),
        ("tanh", "i16", 2**-11, 0, q(2**-15)),
        ("tanh", "i16", 3e-4, 0, q(2**-15)),
        ("rsqrt", "i8", 0.1, -128, q(0.02, -10)),
        ("sqrt", "i8", 0.1, -128, q(0.02, -10)),
        ("log", "i8", 0.1, -128, q(0.04, 20)),
    ],
)
def test_function(
    tmp_path: Path, name: str, dtype: DType, scale: float, zero: int, result: Quantization
) -> None:
    x = value(dtype, 65536, scale=scale, zero=zero)
    every = np.arange(65536).astype(np.uint16).astype(NUMPY[dtype])
    graph, worst = compare(tmp_path, made(name, result, x=x), [every])
    assert worst <= 1 and not stays(graph, name)


@pytest.mark.parametrize("name", ["log", "rsqrt", "sqrt"])
def test_function_of_positive_words(tmp_path: Path, name: str) -> None:
    x = value("i16", 32767, scale=0.001)
    every = np.arange(1, 32768).astype(np.int16)
    _, worst = compare(tmp_path, made(name, q(0.001), x=x), [every])
    assert worst <= 1


@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU6", "RELU_N1_TO_1"])
@pytest.mark.parametrize("scales", [(0.5, 0.5, 1.0), (0.3, 0.17, 0.41), (0.01, 0.02, 0.015)])
@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", ["add", "sub", "mul"])
def test_arithmetic(
    tmp_path: Path, name: str, dtype: DType, scales: tuple[float, ...], activation: str
) -> None:
    fine = 1 / 256 if dtype == "i16" else 1.0
    a, b, c = (s * fine for s in scales)
    extra = {} if name == "mul" else {"pot_scale_int16": False}
    op = made(
        name,
        q(c * (16 if name == "mul" else 1), ZERO[dtype]),
        lhs=value(dtype, 2, 30, 40, 4, scale=a),
        rhs=value(dtype, 40, 1, scale=b),
        fused_activation_function=activation,
        **extra,
    )
    _, worst = compare(tmp_path, op)
    if dtype != "i16":
        # The fixed point of XNNPACK's sums is spelt out, and its products are floats.
        assert worst == 0


@pytest.mark.parametrize("scale", [0.5, 0.17, 0.001])
@pytest.mark.parametrize("dtype", BYTES)
@pytest.mark.parametrize("name", ["equal", "not_equal", "less", "less_equal", "greater"])
def test_comparison(tmp_path: Path, name: str, dtype: DType, scale: float) -> None:
    lhs, rhs = value(dtype, 50, 90, scale=scale), value(dtype, 50, 90, scale=scale * 1.7, zero=5)
    _, worst = compare(tmp_path, made(name, lhs=lhs, rhs=rhs))
    assert worst == 0


def test_squared_difference(tmp_path: Path) -> None:
    lhs, rhs = value("i8", 50, 90, scale=0.3), value("i8", 50, 90, scale=0.17, zero=-9)
    compare(tmp_path, made("squared_difference", q(3.0, -100), lhs=lhs, rhs=rhs))


@pytest.mark.parametrize("dtype", BYTES)
def test_prelu(tmp_path: Path, dtype: DType) -> None:
    alpha = constant(integers(dtype, 1, 1, 5), q(0.01, ZERO[dtype]))
    x = value(dtype, 2, 8, 9, 5, scale=0.5)
    compare(tmp_path, made("prelu", q(0.4, ZERO[dtype]), input=x, alpha=alpha))


@pytest.mark.parametrize("scales", [(0.5, 1.0), (0.3, 0.41), (0.1, 0.013), (0.3, 0.3)])
@pytest.mark.parametrize(
    ("given", "result"), [("i8", "INT8"), ("u8", "UINT8"), ("i8", "UINT8"), ("i16", "INT16"),
                          ("i8", "INT16"), ("i16", "INT8")]
)  # fmt: skip
def test_requantise(tmp_path: Path, given: DType, result: str, scales: tuple[float, float]) -> None:
    zero = {"INT8": 5, "UINT8": 133, "INT16": 0}[result]
    x = value(given, 4000, scale=scales[0])
    _, worst = compare(
        tmp_path, made("quantize", q(scales[1], zero), input=x, out_data_type=result)
    )
    assert worst == 0


@pytest.mark.parametrize(("result", "zero"), [("INT8", 3), ("UINT8", 128), ("INT16", 0)])
def test_quantise_halves(tmp_path: Path, result: str, zero: int) -> None:
    x = np.linspace(-40, 40, 1281, dtype=np.float32)
    op = made("quantize", q(0.25, zero), input=value("f32", 1281), out_data_type=result)
    _, worst = compare(tmp_path, op, [x])
    assert worst == 0


@pytest.mark.parametrize("dtype", INTEGERS)
def test_dequantise(tmp_path: Path, dtype: DType) -> None:
    compare(tmp_path, made("dequantize", input=value(dtype, 3, 50, scale=0.07)))


def test_dequantise_by_axis(tmp_path: Path) -> None:
    each = Quantization((0.5, 0.25, 2.0), (0, 1, -1), 1)
    x = Value(TensorType("i8", (2, 3, 5), quantization=each), "x")
    graph, _ = compare(tmp_path, made("dequantize", input=x))
    (op,) = graph.ops
    assert unsupported(op) == "it has more than one scale"


# --- products ---


def filter_of(dtype: DType, shape: tuple[int, ...], axis: int, each: bool) -> Value:
    scales = [0.003 * (1 + i % 4) for i in range(shape[axis])] if each else 0.003
    if dtype == "u8":
        return constant(integers("u8", *shape), q(0.003, 131))
    return constant(integers("i8", *shape, low=-127), q(scales, 0, axis))


def bias_of(dtype: DType, x: Value, filter: Value, channels: int) -> Value:
    data = RNG.integers(-3000, 3000, channels).astype(np.int64 if dtype == "i16" else np.int32)
    assert x.type.quantization and filter.type.quantization
    (step,) = x.type.quantization.scale
    return constant(data, q([step * s for s in filter.type.quantization.scale]))


PRODUCTS = [
    ("conv_2d", (1, 12, 13, 8), (6, 3, 3, 8), "filter", 0, {"stride_w": 2, "stride_h": 1}),
    ("conv_2d", (2, 5, 7, 4), (6, 1, 1, 4), "filter", 0, {"padding": "VALID"}),
    ("depthwise_conv_2d", (1, 9, 8, 8), (1, 3, 3, 8), "filter", 3, {}),
    ("depthwise_conv_2d", (1, 9, 8, 4), (1, 3, 3, 8), "filter", 3, {"depth_multiplier": 2}),
    ("fully_connected", (30, 40), (16, 40), "weights", 0, {}),
    ("fully_connected", (2, 3, 40), (16, 40), "weights", 0, {"keep_num_dims": True}),
    ("transpose_conv", (1, 6, 7, 8), (6, 3, 3, 8), "weights", 0,
     {"output_shape": (1, 12, 14, 6), "stride_w": 2, "stride_h": 2}),
]  # fmt: skip


def product(case: Any, x: Value, w: Value, bias: Value, result: Quantization | None) -> Op:
    name, _, _, field, _, attributes = case
    fields = {k: ints(*v) if k == "output_shape" else v for k, v in attributes.items()}
    return made(name, result, input=x, **{field: w}, bias=bias, **fields)


@pytest.mark.parametrize("each", [False, True], ids=["tensor", "channel"])
@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("case", PRODUCTS, ids=[f"{c[0]}-{i}" for i, c in enumerate(PRODUCTS)])
def test_product(tmp_path: Path, case: Any, dtype: DType, each: bool) -> None:
    name, shape, kernel, _, axis, _ = case
    if name == "depthwise_conv_2d" and not each and dtype != "u8":
        pytest.skip("LiteRT wants a scale a channel")
    x = value(dtype, *shape, scale=0.02 / (256 if dtype == "i16" else 1))
    w = filter_of(dtype, kernel, axis, each)
    result = q(0.02 / (256 if dtype == "i16" else 1), ZERO[dtype])
    op = product(case, x, w, bias_of(dtype, x, w, kernel[axis]), result)
    _, worst = compare(tmp_path, op)
    if dtype == "i8":
        assert worst == 0


@pytest.mark.parametrize("each", [False, True], ids=["tensor", "channel"])
@pytest.mark.parametrize("case", PRODUCTS, ids=[f"{c[0]}-{i}" for i, c in enumerate(PRODUCTS)])
def test_float_activations(tmp_path: Path, case: Any, each: bool) -> None:
    name, shape, kernel, _, axis, _ = case
    if name == "depthwise_conv_2d" and not each:
        pytest.skip("LiteRT wants a scale a channel")
    bias = constant(RNG.standard_normal(kernel[axis]).astype(np.float32))
    x, w = value("f32", *shape), filter_of("i8", kernel, axis, each)
    graph, _ = compare(tmp_path, product(case, x, w, bias, None))
    assert not stays(graph, name)


@pytest.mark.parametrize("flag", [False, True])
def test_float_rows_times_matrix(tmp_path: Path, flag: bool) -> None:
    y = filter_of("i8", (2, 64, 9), 2, True)
    op = made("batch_matmul", x=value("f32", 2, 5, 64), y=y, asymmetric_quantize_inputs=flag)
    compare(tmp_path, op)


def test_rows_of_zeros_keep_the_bias(tmp_path: Path) -> None:
    bias = constant(np.arange(16, dtype=np.float32))
    x, w = value("f32", 3, 40), filter_of("i8", (16, 40), 0, True)
    op = made("fully_connected", input=x, weights=w, bias=bias, fused_activation_function="RELU6")
    compare(tmp_path, op, [np.zeros((3, 40), np.float32)])


@pytest.mark.parametrize("adjoint", [False, True])
@pytest.mark.parametrize("known", [False, True], ids=["runtime", "constant"])
@pytest.mark.parametrize("dtype", ["i8", "i16"])
def test_batch_matmul(tmp_path: Path, dtype: DType, known: bool, adjoint: bool) -> None:
    shape = (2, 9, 40) if adjoint else (2, 40, 9)
    y: Value = value(dtype, *shape, scale=0.003, zero=0)
    if known:
        y = constant(integers(dtype, *shape, low=-127, high=127), q(0.003))
    x = value(dtype, 2, 30, 40, scale=0.02 / (256 if dtype == "i16" else 1))
    result = q(0.02, ZERO[dtype])
    compare(tmp_path, made("batch_matmul", result, x=x, y=y, adj_y=adjoint))


def test_matmul_of_two_types_stays() -> None:
    y = constant(integers("i8", 2, 40, 9), q(0.003))
    op = made("batch_matmul", q(0.1), x=value("i16", 2, 30, 40, scale=0.1), y=y)
    assert stays(Quantized().run(graph_of(op), TARGET), "batch_matmul")


# --- reductions ---

REDUCTIONS: list[tuple[str, float, dict[str, Any]]] = [
    ("mean", 0.3, {"axis": ints(1, 2), "keep_dims": True}),
    ("mean", 0.21, {"axis": ints(2)}),
    ("sum", 1.1, {"axis": ints(1)}),
    ("average_pool_2d", 0.3, {"filter_width": 2, "filter_height": 2}),
    ("average_pool_2d", 0.3, {"filter_width": 3, "filter_height": 2, "stride_w": 2,
                              "fused_activation_function": "RELU6"}),
    ("average_pool_2d", 0.21, {"filter_width": 3, "filter_height": 3}),
    ("max_pool_2d", 0.3, {"filter_width": 3, "filter_height": 2}),
    ("max_pool_2d", 0.3, {"filter_width": 3, "filter_height": 2,
                          "fused_activation_function": "RELU"}),
]  # fmt: skip


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("case", REDUCTIONS, ids=[f"{c[0]}-{c[1]}" for c in REDUCTIONS])
def test_reduction(tmp_path: Path, case: tuple[str, float, dict[str, Any]], dtype: DType) -> None:
    name, scale, fields = case
    fine = 1 / 256 if dtype == "i16" else 1.0
    op = made(
        name,
        q(scale * fine, ZERO[dtype]),
        input=value(dtype, 2, 8, 9, 5, scale=0.3 * fine),
        **fields,
    )
    graph, _ = compare(tmp_path, op)
    assert not stays(graph, name)


@pytest.mark.parametrize("mode", ["", "align_corners", "half_pixel_centers"])
@pytest.mark.parametrize("dtype", BYTES)
def test_resize_bilinear(tmp_path: Path, dtype: DType, mode: str) -> None:
    flags = {mode: True} if mode else {}
    x = value(dtype, 2, 8, 9, 4, scale=0.3)
    known = q(0.3, ZERO[dtype])
    compare(tmp_path, made("resize_bilinear", known, input=x, size=ints(19, 20), **flags))


@pytest.mark.parametrize("beta", [1.0, 2.0])
@pytest.mark.parametrize("scale", [0.1, 0.02])
@pytest.mark.parametrize(
    ("dtype", "result"), [("i8", q(1 / 256, -128)), ("u8", q(1 / 256)), ("i16", q(2**-15))]
)
def test_softmax(
    tmp_path: Path, dtype: DType, result: Quantization, scale: float, beta: float
) -> None:
    x = value(dtype, 60, 11, scale=scale / (256 if dtype == "i16" else 1))
    _, worst = compare(tmp_path, made("softmax", result, input=x, beta=beta))
    assert worst <= 1


@pytest.mark.parametrize(
    ("name", "dtype", "result"),
    [
        ("log_softmax", "i8", q(16 / 256, 127)),
        ("log_softmax", "u8", q(16 / 256, 255)),
        ("l2_normalization", "i8", q(1 / 128, 0)),
        ("l2_normalization", "u8", q(1 / 128, 128)),
    ],
)
def test_normalisation(tmp_path: Path, name: str, dtype: DType, result: Quantization) -> None:
    compare(tmp_path, made(name, result, input=value(dtype, 60, 11, scale=0.1)))


# --- movement ---


def chained(op: Op, dtype: DType, known: Quantization) -> Op:
    """The op reading what an ABS makes: by then the numbers are steps, no integers."""
    (first, *_) = (v for v in op.operands if v.op is None)
    return op.with_operands({first: made("relu", known, x=first).result})


MOVES: list[tuple[str, str, dict[str, Any]]] = [
    ("reshape", "tensor", {"new_shape": (16, 36)}),
    ("transpose", "input", {"perm": ints(0, 3, 1, 2)}),
    ("pad", "input", {"paddings": constant(np.array([[0, 0], [1, 1], [2, 0], [0, 0]], np.int32))}),
    ("slice", "input", {"begin": ints(0, 1, 2, 0), "size": ints(2, 3, -1, 4)}),
    ("gather", "params", {"indices": ints(3, 0, 3), "axis": 3}),
    ("tile", "input", {"multiples": ints(1, 2, 1, 1)}),
    ("resize_nearest_neighbor", "input", {"size": ints(16, 5)}),
    ("reduce_max", "input", {"axis": ints(1)}),
    ("reduce_min", "input", {"axis": ints(-1), "keep_dims": True}),
    ("space_to_depth", "input", {"block_size": 1}),
]


@pytest.mark.parametrize("dtype", BYTES)
@pytest.mark.parametrize(("name", "field", "fields"), MOVES, ids=[m[0] for m in MOVES])
def test_movement(
    tmp_path: Path, name: str, field: str, fields: dict[str, Any], dtype: DType
) -> None:
    known = q(0.3, ZERO[dtype])
    x = value(dtype, 2, 8, 9, 4, scale=0.3)
    relu = made("relu", known, x=x)
    op = made(name, known, **{field: relu.result}, **fields)
    constants = tuple(v.op for v in op.operands if v.constant is not None and v.op)
    graph = Graph((x,), (*constants, relu, op), op.results)
    rewritten = Quantized().run(graph, TARGET)
    assert not stays(rewritten, name)
    given = [drawn(x.type)]
    model = tmp_path / "model.tflite"
    model.write_bytes(write(graph))
    (wanted,) = LiteRt(model).run({"x": given[0]})
    np.testing.assert_array_equal(rewritten.evaluate(given)[0], wanted)


def test_integers_are_moved_as_they_are() -> None:
    op = made("reshape", q(0.3), tensor=value("i8", 2, 6, scale=0.3, zero=0), new_shape=(12,))
    graph = graph_of(op)
    assert [o.name for o in Quantized().run(graph, TARGET).ops] == ["tfl.reshape"]


def test_numbers_of_other_scales_are_compared_as_integers(tmp_path: Path) -> None:
    lhs, rhs = value("i8", 50, 40, scale=0.3), value("i8", 50, 40, scale=0.1)
    graph, worst = compare(tmp_path, made("maximum", q(0.3, 3), lhs=lhs, rhs=rhs))
    assert worst == 0 and stays(graph, "maximum")


@pytest.mark.parametrize("scales", [(0.3, 0.3), (0.3, 0.21)])
def test_concatenation(tmp_path: Path, scales: tuple[float, float]) -> None:
    values = tuple(value("u8", 2, 8, 9, 4, scale=s) for s in scales)
    op = made("concatenation", q(0.3, 120), values=values, axis=3)
    compare(tmp_path, op)


# --- the rest ---


def test_a_graph_of_floats_is_left_alone() -> None:
    graph = graph_of(made("relu", x=value("f32", 3, 4)))
    assert Quantized().run(graph, TARGET) is graph


def test_division_stays() -> None:
    lhs, rhs = value("i8", 3, 4, scale=0.3), value("i8", 3, 4, scale=0.1)
    graph = graph_of(made("div", q(0.1), lhs=lhs, rhs=rhs))
    assert stays(Quantized().run(graph, TARGET), "div")


def test_four_bit_weights_are_unpacked() -> None:
    packed = np.array([0x1F, 0x82, 0x07], np.uint8)
    type = TensorType("i4", (2, 3), quantization=q(0.5))
    weights = Constant(data=packed, type=type, names=("w",)).result
    x = value("i8", 1, 3, scale=1.0, zero=0)
    graph = graph_of(made("fully_connected", q(0.5), input=x, weights=weights))
    (result,) = Quantized().run(graph, TARGET).evaluate([np.array([[1, 2, 3]], np.int8)])
    # The lower half of each byte comes first: -1, 1, 2 and -8, 7, 0.
    np.testing.assert_array_equal(result, [[-1 + 2 + 6, -8 + 14]])
