"""Every op's reference against LiteRT's own kernels: each sample as a model of one operator."""

from __future__ import annotations

import numpy as np
import pytest

import tflgpuc.ir.graph.ops  # noqa: F401
from support.graphs import graph_of
from tflgpuc.backends.tflite import write
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import TFLITE_OPS, Array, Op
from tflgpuc.ir.graph.ops.arg_max import ArgMax
from tflgpuc.ir.graph.ops.arg_min import ArgMin
from tflgpuc.ir.graph.ops.cast import Cast
from tflgpuc.ir.graph.ops.floor_mod import FloorMod
from tflgpuc.ir.graph.ops.max_pooling_with_argmax_2d import MaxPoolingWithArgmax2D
from tflgpuc.ir.graph.ops.max_unpooling_2d import MaxUnpooling2D
from tflgpuc.ir.graph.ops.maximum import Maximum
from tflgpuc.ir.graph.ops.minimum import Minimum
from tflgpuc.ir.graph.ops.right_shift import RightShift
from tflgpuc.ir.graph.ops.topk_v2 import TopKV2
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import NUMPY, TensorType

litert = pytest.importorskip("ai_edge_litert.interpreter")

RELUS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")
# LiteRT refuses negative powers, and shifts left by a negative number as it likes.
UNSIGNED = ("POW", "STABLEHLO_SHIFT_LEFT")


def model_of(op: Op) -> bytes:
    """A .tflite file with this one operator; its run-time operands are the model's inputs."""
    return write(graph_of(op))


def run_litert(model: bytes, inputs: list[Array], *, delegates: bool = False) -> list[Array]:
    kinds = litert.OpResolverType
    interpreter = litert.Interpreter(
        model_content=model,
        experimental_op_resolver_type=kinds.AUTO
        if delegates
        else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    for detail, array in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


def random_array(rng: np.random.Generator, op: Op, type: TensorType) -> Array:
    dtype = NUMPY[type.dtype]
    if dtype.kind == "c":
        real, imaginary = rng.standard_normal((2, *type.shape))
        return (real + 1j * imaginary).astype(dtype)
    if op.elementwise and dtype.kind == "i":
        # Divisors of either sign, but no 0.
        signs = (1,) if op.tflite in UNSIGNED else (-1, 1)
        return (rng.integers(1, 9, type.shape) * rng.choice(signs, type.shape)).astype(dtype)
    if np.issubdtype(dtype, np.floating):
        return np.asarray(rng.standard_normal(type.shape) * 2, dtype)
    return rng.integers(0, 2, type.shape).astype(dtype)


def comparable(op: Op) -> bool:
    """Whether a .tflite file can say what the op says."""
    return (
        not op.tflite.startswith("CUSTOM:")
        and op.attributes.get("padding") != "EXPLICIT"
        and all(v.op is None or v.constant is not None for v in op.operands)
    )


def beyond_litert(op: Op) -> str:
    """Why LiteRT's own kernels refuse, ignore or crash on what the format allows; mostly empty."""
    shapes = [v.type.shape for v in op.operands]
    match op.tflite:
        case "ADD_N" if len(shapes) < 2:
            return "refuses a single operand"
        case "ATAN2" if len(set(shapes)) > 1:
            return "does not broadcast"
        case "CONCATENATION" if op.attributes["fused_activation_function"] != "NONE":
            return "fuses no activation into it"
        case "DEQUANTIZE" if op.operands[0].type.dtype == "i16":
            return "knows i16 with one scale only"
        case "DENSIFY":
            return "wants a sparse constant"
        case "REVERSE_V2" if shapes[1] != (1,):
            return "refuses axes that are apart and crashes on none"
    if op.attributes.get("fused_activation_function", "NONE") not in RELUS:
        return "fuses no such activation"
    if any(0 in v.type.shape for v in op.results):
        return "returns no empty tensor to Python"
    return ""


SAMPLES = [
    pytest.param(
        sample,
        id=f"{name.lower()}-{i}",
        marks=[pytest.mark.skip(f"LiteRT {why}")] if (why := beyond_litert(sample)) else [],
    )
    for name, cls in sorted(TFLITE_OPS.items())
    for i, sample in enumerate(cls.samples())
    if comparable(sample)
]


@pytest.mark.parametrize("sample", SAMPLES)
def test_reference_equals_litert(sample: Op) -> None:
    rng = np.random.default_rng(7)
    arrays = {
        v: random_array(rng, sample, v.type) if v.constant is None else v.constant
        for v in dict.fromkeys(sample.operands)
    }
    expected = run_litert(model_of(sample), [a for v, a in arrays.items() if v.constant is None])
    for made, wanted in zip(sample.evaluate(arrays), expected, strict=True):
        assert (made.shape, made.dtype) == (wanted.shape, wanted.dtype)
        np.testing.assert_allclose(made, wanted, rtol=2e-5, atol=2e-5)


EDGES = np.array(
    [
        -np.inf,
        -1e20,
        -3e9,
        -129.7,
        -1.5,
        -0.0,
        0.5,
        127.9,
        255.9,
        300,
        4e4,
        3e9,
        1e20,
        np.inf,
        np.nan,
    ],
    np.float32,
)


@pytest.mark.parametrize("made", ["INT8", "UINT8", "INT16", "UINT16", "INT32", "INT64", "BOOL"])
def test_casts_of_floats_that_integers_cannot_hold_equal_litert(made: str) -> None:
    op = Cast(input=runtime(len(EDGES)), out_data_type=made)
    (expected,) = run_litert(model_of(op), [EDGES])
    np.testing.assert_array_equal(op.evaluate({op.input: EDGES})[0], expected)


@pytest.mark.parametrize("cls", [ArgMax, ArgMin])
def test_extreme_places_with_nans_equal_litert(cls: type[ArgMax | ArgMin]) -> None:
    n = np.nan
    rows = np.array([[1, 3, 3, n], [n, 5, n, 7], [2, n, 1, 1], [n, n, n, n]], np.float32)
    op = cls(input=runtime(4, 4), axis=constant(1), output_type="INT32")
    (expected,) = run_litert(model_of(op), [rows])
    (made,) = op.evaluate({op.input: rows, op.axis: op.axis.static("axis")})
    np.testing.assert_array_equal(made, expected)


@pytest.mark.parametrize("count", [1, 7, 40])
def test_equal_elements_come_in_the_order_of_litert(count: int) -> None:
    values = np.random.default_rng(3).integers(0, 5, (2, 40)).astype(np.float32)
    op = TopKV2(input=runtime(2, 40), k=constant(count))
    expected = run_litert(model_of(op), [values])
    made = op.evaluate({op.input: values, op.k: op.k.static("k")})
    for found, wanted in zip(made, expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_shifts_by_any_number_of_bits_equal_litert() -> None:
    numbers = np.array([-7, 7, 100, -128, 5, 1, -1, 127], np.int8)
    bits = np.array([1, 2, 40, 9, -1, 0, 7, -128], np.int8)
    op = RightShift(lhs=runtime(8, dtype="i8"), rhs=runtime(8, name="bits", dtype="i8"))
    (expected,) = run_litert(model_of(op), [numbers, bits])
    np.testing.assert_array_equal(op.evaluate({op.lhs: numbers, op.rhs: bits})[0], expected)


@pytest.mark.parametrize("cls", [Maximum, Minimum, FloorMod])
def test_special_numbers_equal_litert(cls: type[Maximum | Minimum | FloorMod]) -> None:
    n, i = np.nan, np.inf
    lhs = np.array([n, 1, n, 0, 5, 7, -7, -1e-20, -0.0, 6, -6, 5, -5, 0.7], np.float32)
    rhs = np.array([1, n, n, 1, i, i, i, 1, 3, 3, 3, -i, -i, 0.1], np.float32)
    op = cls(lhs=runtime(len(lhs)), rhs=runtime(len(rhs), name="rhs"))
    (expected,) = run_litert(model_of(op), [lhs, rhs])
    np.testing.assert_array_equal(op.evaluate({op.lhs: lhs, op.rhs: rhs})[0], expected)


@pytest.mark.parametrize("window", [(2, 2), (3, 2), (2, 3)])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_unpooling_puts_elements_where_pooling_found_them(
    window: tuple[int, int], padding: str
) -> None:
    h, w = window
    sizes = {"filter_height": h, "filter_width": w, "stride_h": h, "stride_w": w}
    image = runtime(2, 4 * h, 3 * w, 5)
    pool = MaxPoolingWithArgmax2D(input=image, padding=padding, **sizes)
    # XNNPACK, the only part of LiteRT that knows these ops, wants VALID here.
    unpool = MaxUnpooling2D(
        input=pool.results[0], indices=pool.results[1], padding="VALID", **sizes
    )
    graph = Graph((image,), (pool, unpool), (pool.results[0], unpool.result))
    # Few different numbers, so that windows hold equal ones.
    data = np.random.default_rng(5).integers(1, 4, image.type.shape).astype(np.float32)
    for made, wanted in zip(
        graph.evaluate([data]), run_litert(write(graph), [data], delegates=True), strict=True
    ):
        np.testing.assert_array_equal(made, wanted)
