"""Elementwise ops that do nothing, or what one other op does: each exactly, rounding included."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.axes import broadcast_shapes
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.abs import Abs
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.cast import Cast
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.div import Div
from tflgpuc.ir.graph.ops.maximum import Maximum
from tflgpuc.ir.graph.ops.minimum import Minimum
from tflgpuc.ir.graph.ops.mul import Mul
from tflgpuc.ir.graph.ops.neg import Neg
from tflgpuc.ir.graph.ops.pow import Pow
from tflgpuc.ir.graph.ops.relu import Relu
from tflgpuc.ir.graph.ops.relu6 import Relu6
from tflgpuc.ir.graph.ops.relu_0_to_1 import Relu0To1
from tflgpuc.ir.graph.ops.relu_n1_to_1 import ReluN1To1
from tflgpuc.ir.graph.ops.rsqrt import Rsqrt
from tflgpuc.ir.graph.ops.sqrt import Sqrt
from tflgpuc.ir.graph.ops.square import Square
from tflgpuc.ir.graph.ops.sub import Sub
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.passes.rules import Match
from tflgpuc.passes.spelling import canonical

# The range that each clamp leaves.
CLAMPS: dict[type[Op], tuple[float, float]] = {
    Relu: (0.0, np.inf),
    Relu6: (0.0, 6.0),
    Relu0To1: (0.0, 1.0),
    ReluN1To1: (-1.0, 1.0),
}
BY_RANGE = {limits: op for op, limits in CLAMPS.items()}


def number(value: Value) -> float | None:
    """The number that a constant of f32 repeats; None for others."""
    data = value.constant
    if data is None or data.dtype != np.float32 or not data.size:
        return None
    first = data.reshape(-1)[0]
    return float(first) if (data == first).all() else None


def with_number(op: Add | Mul | Maximum | Minimum) -> tuple[Value, float] | None:
    """The other operand and the number of a symmetric op, where the result has the other's shape."""
    for value, other in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        found = number(other)
        if found is not None and value.type.shape == op.result.type.shape:
            return value, found
    return None


@canonical
def plus_nothing(op: Add, match: Match) -> Value | None:
    """X + 0 is x."""
    found = with_number(op)
    plain = op.fused_activation_function == "NONE"
    return found[0] if found and found[1] == 0 and plain else None


@canonical
def minus_nothing(op: Sub, match: Match) -> Value | None:
    """X - 0 is x."""
    same = op.lhs.type == op.result.type and op.fused_activation_function == "NONE"
    return op.lhs if same and number(op.rhs) == 0 else None


@canonical
def times_one(op: Mul, match: Match) -> Value | None:
    """X * 1 is x, and x * -1 is -x."""
    found = with_number(op)
    if found is None or op.fused_activation_function != "NONE":
        return None
    value, factor = found
    if factor == 1:
        return value
    return Neg(x=value, names=op.names).result if factor == -1 else None


@canonical
def by_a_power_of_two(op: Div, match: Match) -> Value | None:
    """Dividing by a power of two is multiplying with its reciprocal, which is exact."""
    divisor = number(op.rhs)
    if divisor is None or op.fused_activation_function != "NONE" or not divisor:
        return None
    if abs(np.frexp(divisor)[0]) != 0.5 or not 2.0**-100 < abs(divisor) < 2.0**100:
        return match.no("the reciprocal isn't exact")
    data = np.array(1 / divisor, np.float32)
    factor = Constant(data=data, type=TensorType("f32", ())).result
    if broadcast_shapes(op, op.lhs.type.shape) != op.result.type.shape:
        return match.no("the quotient is broadcast")
    return Mul(lhs=op.lhs, rhs=factor, names=op.names).result


@canonical
def double_negation(op: Neg, match: Match) -> Value | None:
    """-(-x) is x."""
    return op.x.op.x if isinstance(op.x.op, Neg) else None


@canonical
def size_of_a_size(op: Abs, match: Match) -> Value | None:
    """The absolute value of an absolute value, or of one that was negated."""
    inner = op.x.op
    if isinstance(inner, Abs):
        return op.x
    return Abs(x=inner.x, names=op.names).result if isinstance(inner, Neg) else None


@canonical
def added_negative(op: Add, match: Match) -> Value | None:
    """X + -y is x - y."""
    for value, other in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        if isinstance(other.op, Neg) and other.type.dtype == "f32":
            made = Sub(
                lhs=value,
                rhs=other.op.x,
                fused_activation_function=op.fused_activation_function,
                names=op.names,
            )
            return made.result
    return None


@canonical
def subtracted_negative(op: Sub, match: Match) -> Value | None:
    """X - -y is x + y."""
    if not isinstance(op.rhs.op, Neg) or op.rhs.type.dtype != "f32":
        return None
    return Add(
        lhs=op.lhs,
        rhs=op.rhs.op.x,
        fused_activation_function=op.fused_activation_function,
        names=op.names,
    ).result


@canonical
def known_power(op: Pow, match: Match) -> Value | None:
    """Powers of 1, 2, 1/2 and -1/2 have ops of their own, which take negative numbers, too."""
    if op.lhs.type.shape != op.result.type.shape:
        return None
    match number(op.rhs):
        case 1.0:
            return op.lhs
        case 2.0:
            return Square(x=op.lhs, names=op.names).result
        case 0.5:
            return Sqrt(x=op.lhs, names=op.names).result
        case -0.5:
            return Rsqrt(x=op.lhs, names=op.names).result
    return None


@canonical
def inverse_root(op: Div, match: Match) -> Value | None:
    """1 / sqrt(x) is rsqrt(x)."""
    root = op.rhs.op
    if not isinstance(root, Sqrt) or number(op.lhs) != 1 or not match.only_use(op.rhs):
        return None
    if op.fused_activation_function != "NONE" or op.rhs.type.shape != op.result.type.shape:
        return match.no("it is broadcast or activated")
    return Rsqrt(x=root.x, names=op.names).result


@canonical
def clamp_of_a_clamp(op: Relu | Relu6 | Relu0To1 | ReluN1To1, match: Match) -> Value | None:
    """Of two clamps one is enough, if a clamp has the range that both leave."""
    inner = op.x.op
    if type(inner) not in CLAMPS or not isinstance(inner, Relu | Relu6 | Relu0To1 | ReluN1To1):
        return None
    (low, high), (least, most) = CLAMPS[type(op)], CLAMPS[type(inner)]
    if low <= least and most <= high:
        return op.x
    made = BY_RANGE.get((max(low, least), min(high, most)))
    return None if made is None else _clamped(made, inner.x, op)


@canonical
def lower_bound_is_a_clamp(op: Maximum, match: Match) -> Value | None:
    """max(x, 0) is relu(x); over an upper bound it is the clamp of both."""
    found = with_number(op)
    if found is None:
        return None
    value, low = found
    inner = value.op
    bounded = with_number(inner) if isinstance(inner, Minimum) else None
    if bounded is not None and (low, bounded[1]) in BY_RANGE:
        return _clamped(BY_RANGE[low, bounded[1]], bounded[0], op)
    return _clamped(Relu, value, op) if low == 0 else None


@canonical
def upper_bound_is_a_clamp(op: Minimum, match: Match) -> Value | None:
    """min(max(x, low), high) is a clamp, if there is one of that range."""
    found = with_number(op)
    if found is None:
        return None
    value, high = found
    inner = value.op
    if isinstance(inner, Relu):
        bounded: tuple[Value, float] | None = (inner.x, 0.0)
    else:
        bounded = with_number(inner) if isinstance(inner, Maximum) else None
    made = None if bounded is None else BY_RANGE.get((bounded[1], high))
    return None if made is None or bounded is None else _clamped(made, bounded[0], op)


def _clamped(kind: type[Op], value: Value, op: Op) -> Value:
    return kind(x=value, names=op.names).result  # type: ignore[call-arg]


# What each integer type is held exactly by.
WIDER = {
    "bool": ("u8", "i8", "i16", "i32", "i64", "f32"),
    "u8": ("i16", "i32", "i64", "f32"),
    "i8": ("i16", "i32", "i64", "f32"),
    "i16": ("i32", "i64", "f32"),
}


@canonical
def cast_of_a_cast(op: Cast, match: Match) -> Value | None:
    """A cast first to a type that holds every value exactly doesn't count."""
    inner = op.input.op
    if not isinstance(inner, Cast):
        return None
    source, between = inner.input.type, op.input.type
    if between.dtype not in WIDER.get(source.dtype, ()) or source.quantization is not None:
        return match.no("the cast in between may change values")
    return Cast(
        input=inner.input,
        in_data_type=inner.in_data_type,
        out_data_type=op.out_data_type,
        names=op.names,
    ).result
