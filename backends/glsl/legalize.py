"""Rewrites what GLSL ES 3.10 lacks, or what its drivers get wrong."""

from __future__ import annotations

from dataclasses import replace

from tflgpuc.ir.shader import (
    Binary,
    Call,
    Cast,
    Compose,
    Const,
    Expr,
    Kernel,
    Lane,
    Select,
    Type,
    Unary,
    call,
)
from tflgpuc.ir.shader.rewrite import rewrite_kernel

# Beyond this tanh is 1 in f32.
TANH_LIMIT = 10.0
# Functions whose helper is written for one lane and for four.
HELPED = ("cos", "erf", "pow", "sin")


def legalize(kernel: Kernel) -> Kernel:
    """The kernel in terms that every GLSL ES 3.10 driver computes alike."""
    return rewrite_kernel(kernel, _expr)


def _expr(e: Expr) -> Expr:
    match e:
        case Call(function="tanh"):
            return safe_tanh(e)
        case Call(function="abs", args=(x,)) if x.type.scalar == "u32":
            return x
        case Call(function="sign", args=(x,)) if x.type.scalar == "u32":
            return call("min", x, 1)
        case Call(function=name, type=Type(lanes=2)) if name in HELPED:
            return _lane_by_lane(e)
        case Select(condition=c) if c.type.lanes > 1 and not e.type.is_float:
            # Not every driver has mix() of integers.
            return _lane_by_lane(e)
        case _:
            return e


def safe_tanh(e: Call) -> Call:
    """tanh() of a number that is large enough at most: SwiftShader's is NaN from 88 on."""
    (x,) = e.args
    if _within_limit(x):
        return e
    return replace(e, args=(call("clamp", x, -TANH_LIMIT, TANH_LIMIT),))


def _within_limit(x: Expr) -> bool:
    match x:
        case Call(function="clamp", args=(_, Const(value=low), Const(value=high))):
            return -TANH_LIMIT <= low and high <= TANH_LIMIT
        case _:
            return False


def _lane_by_lane(e: Expr) -> Expr:
    return Compose(e.type, tuple(_lane(e, i) for i in range(e.type.lanes)))


def _lane(e: Expr, index: int) -> Expr:
    """One lane of a value, taken from its operands where that costs nothing."""
    if e.type.lanes == 1:
        return e
    one = e.type.of(1)
    match e:
        case Const():
            return replace(e, type=one)
        case Compose(parts=parts):
            return parts[index % len(parts)]
        case Unary(operand=x) | Cast(operand=x):
            return replace(e, type=one, operand=_lane(x, index))
        case Binary(left=x, right=y):
            return replace(e, type=one, left=_lane(x, index), right=_lane(y, index))
        case Select(condition=c, if_true=x, if_false=y):
            parts = tuple(_lane(part, index) for part in (c, x, y))
            return Select(one, *parts)
        case Call(
            function="abs" | "min" | "max" | "clamp" | "cos" | "erf" | "pow" | "sin", args=args
        ):
            return replace(e, type=one, args=tuple(_lane(a, index) for a in args))
        case _:
            return Lane(one, e, index)
