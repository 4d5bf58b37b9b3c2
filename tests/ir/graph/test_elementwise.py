"""Elementwise ops: shader expressions against references, padding lanes, fused activations."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, assert_never, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

import tflgpuc.ir.graph.ops  # noqa: F401
from tflgpuc.ir.errors import UnsupportedError, VerifyError
from tflgpuc.ir.graph.elementwise import Arithmetic, Elementwise
from tflgpuc.ir.graph.fused_activation import ACTIVATIONS, activation
from tflgpuc.ir.graph.op import OPS, Value
from tflgpuc.ir.graph.ops.abs import Abs
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.div import Div
from tflgpuc.ir.graph.ops.floor_div import FloorDiv
from tflgpuc.ir.graph.ops.floor_mod import FloorMod
from tflgpuc.ir.graph.ops.leaky_relu import LeakyRelu
from tflgpuc.ir.graph.ops.mul import Mul
from tflgpuc.ir.graph.ops.pow import Pow
from tflgpuc.ir.graph.ops.select import Select
from tflgpuc.ir.graph.ops.select_v2 import SelectV2
from tflgpuc.ir.graph.types import NUMPY, DType, Lanes, TensorType
from tflgpuc.ir.shader import (
    Binary,
    Bitcast,
    Builtin,
    Call,
    Cast,
    Compose,
    Const,
    Expr,
    Lane,
    Load,
    Name,
    Scalar,
    Type,
    Unary,
)
from tflgpuc.ir.shader import Select as SelectExpr

Array = NDArray[Any]
SCALARS = {"bool": np.bool_, "f32": np.float32, "i32": np.int32}
LANES: tuple[Lanes, ...] = get_args(Lanes)
CALLS: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "atan2": np.arctan2,
    "ceil": np.ceil,
    "clamp": np.clip,
    "cos": np.cos,
    "erf": np.vectorize(math.erf, otypes=[np.float32]),
    "exp": np.exp,
    "floor": np.floor,
    "log": np.log,
    "max": np.maximum,
    "min": np.minimum,
    "pow": np.power,
    "round_even": np.round,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "sign": np.sign,
    "sin": np.sin,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "trunc": np.trunc,
}
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
    "&&": np.logical_and,
    "||": np.logical_or,
    "&": np.bitwise_and,
    "|": np.bitwise_or,
    "^": np.bitwise_xor,
    "<<": np.left_shift,
    ">>": np.right_shift,
}
SAMPLES = [
    pytest.param(sample, id=f"{name}-{i}")
    for name, cls in sorted(OPS.items())
    if issubclass(cls, Elementwise)
    for i, sample in enumerate(cls.samples())
    if not (isinstance(sample, Select) and sample.by_rows)
]
CLASSES: list[type[Elementwise]] = [c for c in OPS.values() if issubclass(c, Elementwise)]


def evaluate(e: Expr, names: dict[str, Array]) -> Any:
    """An expression in NumPy, for all elements at once, so that a splat is nothing to do."""
    match e:
        case Const():
            return np.asarray(e.value, SCALARS[e.type.scalar])
        case Name():
            return names[e.name]
        case Call():
            return CALLS[e.function](*(evaluate(a, names) for a in e.args))
        case Unary():
            x = evaluate(e.operand, names)
            return np.negative(x) if e.op == "-" else np.logical_not(x)
        case Binary(op="/") if e.type.is_int:
            left, right = (evaluate(x, names).astype(np.int64) for x in (e.left, e.right))
            return (np.abs(left) // np.abs(right) * np.sign(left) * np.sign(right)).astype(np.int32)
        case Binary():
            return OPERATORS[e.op](evaluate(e.left, names), evaluate(e.right, names))
        case SelectExpr():
            return np.where(*(evaluate(x, names) for x in (e.condition, e.if_true, e.if_false)))
        case Compose(parts=(part,)):
            return evaluate(part, names)
        case Cast():
            return evaluate(e.operand, names).astype(SCALARS[e.type.scalar])
        case Lane() | Load() | Bitcast() | Compose() | Builtin():
            raise AssertionError(f"{e} has no place in an elementwise expression")
        case _:
            assert_never(e)


def scalar_of(dtype: DType) -> Scalar:
    """What a kernel computes with for a tensor of this type."""
    if dtype == "bool":
        return "bool"
    return "f32" if dtype in ("f16", "f32", "f64") else "i32"


def shader_result(op: Elementwise, arrays: dict[Value, Array], lanes: int = 4) -> Array:
    """What ``op.expr`` makes of the operands in registers: all integers are i32 there."""
    scalars = [scalar_of(v.type.dtype) for v in op.operands]
    names = {
        f"x{i}": arrays[v].astype(SCALARS[scalar])
        for i, (v, scalar) in enumerate(zip(op.operands, scalars, strict=True))
    }
    types = (Type(scalar, lanes) for scalar in scalars)
    made = op.expr(*(Name(t, name) for t, name in zip(types, names, strict=True)))
    assert made.type == Type(scalar_of(op.result.type.dtype), lanes)
    with np.errstate(all="ignore"):
        return np.asarray(evaluate(made, names))


def make(name: str, *values: Value) -> Elementwise:
    """An op over these operands, its attributes left at their defaults."""
    fields: dict[str, Any] = dict(zip(OPS[name].kinds(), values, strict=False))
    made = OPS[name](**fields)
    assert isinstance(made, Elementwise)
    return made


def draw(op: Elementwise) -> dict[Value, Array]:
    """Operands within the op's domain; some bools of either kind, integers of either sign."""
    rng = np.random.default_rng(7)
    drawn = {}
    for value in op.operands:
        dtype = NUMPY[value.type.dtype]
        if dtype.kind == "b":
            numbers = rng.integers(0, 2, value.type.shape)
        elif dtype.kind == "f":
            numbers = rng.uniform(*op.domain, value.type.shape)
        else:
            signs = (1,) if dtype.kind == "u" or isinstance(op, Pow) else (-1, 1)
            numbers = rng.integers(1, 9, value.type.shape) * rng.choice(signs, value.type.shape)
        drawn[value] = np.asarray(numbers, dtype)
    return drawn


@pytest.mark.parametrize("op", SAMPLES)
def test_expression_equals_reference(op: Elementwise) -> None:
    arrays = draw(op)
    (wanted,) = op.evaluate(arrays)
    for lanes in (1, 4):
        made = np.broadcast_to(shader_result(op, arrays, lanes), wanted.shape)
        np.testing.assert_allclose(made, wanted, rtol=2e-6, atol=2e-6)


EDGES: list[tuple[str, list[list[float]], list[float]]] = [
    ("tfl.round", [[0.5, 1.5, 2.5, -0.5, -1.5, 2.4]], [0, 2, 2, 0, -2, 2]),
    ("tfl.sign", [[-3, 0, 2]], [-1, 0, 1]),
    ("tfl.pow", [[-2, -2, 0, 0, 3, -1], [3, 2, 0, 2, -1, -3]], [-8, 4, 1, 0, 1 / 3, -1]),
    ("tfl.atan2", [[0, 1, -1, 0], [0, 0, 0, -1]], [0, math.pi / 2, -math.pi / 2, math.pi]),
    ("tfl.floor_div", [[7, -7, 7, -7], [2, 2, -2, -2]], [3, -4, -4, 3]),
    ("tfl.floor_mod", [[7, -7, 7, -7, 6], [3, 3, -3, -3, 3]], [1, 2, -2, -1, 0]),
    ("tfl.elu", [[-1e9, 0, 200]], [-1, 0, 200]),
    ("tfl.logistic", [[-200, 0, 200]], [0, 0.5, 1]),
    ("tfl.leaky_relu", [[-2, 0, 3]], [0, 0, 3]),
    ("tfl.hard_swish", [[-4, -3, 0, 3, 9]], [0, 0, 0, 3, 9]),
    ("tfl.relu6", [[-1, 3, 7]], [0, 3, 6]),
    ("tfl.relu_n1_to_1", [[-2, 0.5, 2]], [-1, 0.5, 1]),
    ("tfl.relu_0_to_1", [[-2, 0.5, 2]], [0, 0.5, 1]),
    ("tfl.squared_difference", [[1, 3], [3, -1]], [4, 16]),
    ("tfl.less_equal", [[1, 2, 3], [2, 2, 2]], [1, 1, 0]),
]


@pytest.mark.parametrize(("name", "given", "wanted"), EDGES, ids=[e[0] for e in EDGES])
def test_edge_values(name: str, given: list[list[float]], wanted: list[float]) -> None:
    values = [Value(TensorType("f32", (len(wanted),)), f"x{i}") for i in range(len(given))]
    op = make(name, *values)
    arrays = {v: np.array(a, np.float32) for v, a in zip(values, given, strict=True)}
    np.testing.assert_allclose(op.evaluate(arrays)[0], wanted, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(shader_result(op, arrays), wanted, rtol=1e-6, atol=1e-7)


def test_integers_divide_as_tflite_does() -> None:
    left, right = (Value(TensorType("i32", (4,)), n) for n in ("a", "b"))
    arrays = {
        left: np.array([7, -7, 7, -7], np.int32),
        right: np.array([2, 2, -2, -2], np.int32),
    }
    made = {cls: cls(lhs=left, rhs=right).evaluate(arrays)[0] for cls in (Div, FloorDiv, FloorMod)}
    np.testing.assert_array_equal(made[Div], [3, -3, -3, 3])
    np.testing.assert_array_equal(made[FloorDiv], [3, -4, -4, 3])
    np.testing.assert_array_equal(made[FloorMod], [1, 1, -1, -1])
    assert all(a.dtype == np.int32 for a in made.values())


def padding_values(lanes: Lanes) -> list[float]:
    """Lane contents that the fact allows."""
    match lanes:
        case "zero":
            return [0.0]
        case "finite":
            return [0.0, -3.0, 0.5, 100.0]
        case "any":
            return [0.0, 2.0, math.nan, math.inf, -math.inf]


def padding_array(lanes: Lanes, dtype: DType) -> Array:
    """Those contents in an element type."""
    values = np.array(padding_values(lanes), np.float32)
    kind = NUMPY[dtype]
    return values if kind.kind == "f" else np.nan_to_num(values, posinf=9, neginf=-9).astype(kind)


def holds(lanes: Lanes, made: Array) -> bool:
    """Whether lanes that hold ``made`` are as the fact says."""
    return lanes == "any" or bool(np.isfinite(made).all() and (lanes != "zero" or not made.any()))


def lane_choices(count: int) -> list[tuple[Lanes, ...]]:
    """Every combination of facts about some operands."""
    found: list[tuple[Lanes, ...]] = [()]
    for _ in range(count):
        found = [(*rest, lane) for rest in found for lane in LANES]
    return found


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.name)
def test_padding_lanes_hold_for_whatever_the_operands_hold(cls: type[Elementwise]) -> None:
    op = next(s for s in cls.samples() if s.result.type.rank == 4)
    assert isinstance(op, Elementwise)
    for facts in lane_choices(len(op.operands)):
        claimed = op.padding_lanes(*facts)
        held = (padding_array(f, v.type.dtype) for f, v in zip(facts, op.operands, strict=True))
        arrays = {v: g.ravel() for v, g in zip(op.operands, np.meshgrid(*held), strict=True)}
        made = shader_result(op, arrays).astype(np.float32)
        assert holds(claimed, made), f"{facts} -> {claimed}, yet {made}"


@pytest.mark.parametrize(
    ("name", "zero"),
    [
        ("tfl.relu", "zero"),
        ("tfl.exp", "finite"),
        ("tfl.log", "any"),
        ("tfl.rsqrt", "any"),
        ("tfl.logistic", "finite"),
        ("tfl.add", "zero"),
        ("tfl.div", "any"),
        ("tfl.floor_mod", "any"),
        ("tfl.pow", "finite"),
        ("tfl.equal", "finite"),
        ("tfl.less", "zero"),
        ("tfl.select", "zero"),
    ],
)
def test_padding_lanes_of_zeros(name: str, zero: Lanes) -> None:
    op = next(iter(OPS[name].samples()))
    assert isinstance(op, Elementwise)
    zeros: list[Lanes] = ["zero"] * len(op.operands)
    assert op.padding_lanes(*zeros) == zero


def number(value: float, shape: tuple[int, ...] = ()) -> Value:
    """A constant of one number everywhere."""
    return Constant(data=np.full(shape, value, np.float32), type=TensorType("f32", shape)).result


X = Value(TensorType("f32", (1, 2, 2, 5)), "x")
ONE_CHANNEL = Value(TensorType("f32", (1, 2, 2, 1)), "one")


@pytest.mark.parametrize(
    ("name", "rhs", "lanes", "wanted"),
    [
        ("tfl.add", number(1.0), ("zero", "zero"), "finite"),
        ("tfl.add", number(0.0, (1,)), ("zero", "zero"), "zero"),
        ("tfl.add", number(1.0, (5,)), ("zero", "zero"), "zero"),
        ("tfl.div", number(2.0), ("zero", "any"), "zero"),
        ("tfl.div", number(0.0), ("zero", "any"), "any"),
        ("tfl.mul", number(2.0), ("zero", "any"), "zero"),
        ("tfl.mul", number(2.0), ("finite", "zero"), "finite"),
        ("tfl.mul", number(0.0), ("finite", "any"), "zero"),
        ("tfl.mul", ONE_CHANNEL, ("zero", "any"), "zero"),
        ("tfl.mul", ONE_CHANNEL, ("finite", "zero"), "any"),
        ("tfl.add", ONE_CHANNEL, ("zero", "zero"), "finite"),
        ("tfl.maximum", ONE_CHANNEL, ("any", "zero"), "any"),
        ("tfl.pow", number(-1.0), ("zero", "zero"), "any"),
        ("tfl.less", number(1.0), ("zero", "zero"), "finite"),
    ],
)
def test_padding_lanes_beside_a_broadcast_channel(
    name: str, rhs: Value, lanes: tuple[Lanes, Lanes], wanted: Lanes
) -> None:
    op = make(name, X, rhs)
    assert op.padding_lanes(*lanes) == wanted


def test_padding_lanes_of_a_choice_ignore_the_condition() -> None:
    condition = Value(TensorType("bool", X.type.shape), "condition")
    op = SelectV2(condition=condition, x=X, y=number(0.0))
    assert op.padding_lanes("any", "zero", "any") == "zero"
    assert replace(op, y=number(1.0)).padding_lanes("any", "zero", "any") == "finite"
    assert op.padding_lanes("zero", "any", "zero") == "any"


@pytest.mark.parametrize("name", [*ACTIVATIONS, "NONE"])
def test_a_fused_activation_is_the_op_after(name: str) -> None:
    fused = Mul(lhs=X, rhs=number(3.0), fused_activation_function=name, names=("y",))
    made = activation(name, replace(fused, fused_activation_function="NONE").result)
    assert made.name == "y"
    assert made.op is not None
    x = np.linspace(-4, 4, X.type.size, dtype=np.float32).reshape(X.type.shape)
    arrays = {X: x, fused.rhs: np.array(3, np.float32)}
    plain = x * np.float32(3)
    after = plain if name == "NONE" else made.op.evaluate({made.op.operands[0]: plain})[0]
    np.testing.assert_array_equal(fused.evaluate(arrays)[0], after)


def test_sign_bit_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="SIGN_BIT"):
        activation("SIGN_BIT", X)
    op = next(iter(Mul.samples()))
    assert isinstance(op, Arithmetic)
    with pytest.raises(UnsupportedError, match="SIGN_BIT"):
        shader_result(replace(op, fused_activation_function="SIGN_BIT"), draw(op))


def test_shapes_that_do_not_broadcast_are_named() -> None:
    with pytest.raises(VerifyError, match=r"\(2, 3\) and \(4,\) do not broadcast"):
        Pow(
            lhs=Value(TensorType("f32", (2, 3)), "a"), rhs=Value(TensorType("f32", (4,)), "b")
        ).infer()


def test_mixed_element_types_are_refused() -> None:
    with pytest.raises(VerifyError, match="lhs is f32, rhs is i32"):
        Mul(lhs=X, rhs=Value(TensorType("i32", ()), "b")).verify()


def test_every_dtype_that_numpy_holds_is_evaluated_in_its_type() -> None:
    dtypes: tuple[DType, ...] = ("f16", "f32", "i32")
    for dtype in dtypes:
        x = Value(TensorType(dtype, ()), "x")
        op = Abs(x=x) if dtype == "i32" else LeakyRelu(x=x, alpha=0.5)
        (made,) = op.evaluate({x: np.array(-2, NUMPY[dtype])})
        assert isinstance(made, np.ndarray)
        assert made.dtype == NUMPY[dtype]
