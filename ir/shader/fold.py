"""Local rewrites of one expression over already simplified operands."""

from __future__ import annotations

import math

import numpy as np

from tflgpuc.ir.shader.expr import (
    Binary,
    Bitcast,
    Call,
    Cast,
    Compose,
    Const,
    Expr,
    Lane,
    Select,
    Unary,
    const,
)
from tflgpuc.ir.shader.integers import RangeOf, folded_bound, folded_integer, integer, normal
from tflgpuc.ir.shader.ranges import LOWEST, wrapped
from tflgpuc.ir.shader.types import BOOL, I32, Type

FLIPPED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
# An i32 within these survives a way through f32.
EXACT = 2**24


def fold(e: Expr, ranges: RangeOf) -> Expr:
    """The expression in its simplest form; float arithmetic only where the result is the same."""
    match e:
        case Binary(op="&&" | "||"):
            return _logic(e)
        case Binary(type=type, left=a) if a.type == I32 and type in (I32, BOOL):
            return folded_integer(e, ranges)
        case Binary(left=a) if a.type.scalar == "f32":
            return _float(e)
        case Unary():
            return _unary(e)
        case Call(function="min" | "max" | "clamp") if e.type == I32:
            return folded_bound(e, ranges)
        case Call():
            return _call(e)
        case Select():
            return _select(e)
        case Lane(vector=Compose(parts=parts), index=i):
            return parts[i] if len(parts) > 1 else parts[0]
        case Lane(vector=Const(value=v)):
            return Const(e.type, v)
        case Compose():
            return _compose(e)
        case Cast():
            return _cast(e, ranges)
        case Bitcast(operand=Bitcast(operand=x)):
            return x if x.type == e.type else Bitcast(e.type, x)
    return e


def _logic(e: Binary) -> Expr:
    absorbing = e.op == "||"
    for one, other in ((e.left, e.right), (e.right, e.left)):
        if isinstance(one, Const):
            return one if one.value == absorbing else other
    return e.left if e.left == e.right else e


def _unary(e: Unary) -> Expr:
    match e.op, e.operand:
        case "!", Const(value=v):
            return const(not v, e.type)
        case "-", Const(value=v) if e.type.is_float:
            return const(-v, e.type)
        case "-", Const(value=v) if e.type == I32:
            return integer(-int(v))
        case "-" | "!", Unary(op=op, operand=x) if op == e.op:
            return x
        case "!", Binary(op=op, left=a) if op in FLIPPED and _ordered(op, a.type):
            return Binary(e.type, FLIPPED[op], e.operand.left, e.operand.right)
        case "-", Binary(op="+" | "-" | "*") if e.type == I32:
            return normal(e)
    return e


def _ordered(op: str, type: Type) -> bool:
    """Whether the opposite comparison is the negation: NaN is neither below nor above."""
    return op in ("==", "!=") or not type.is_float


def _float(e: Binary) -> Expr:
    a, b = e.left, e.right
    if isinstance(a, Const) and isinstance(b, Const):
        return _float_constant(e, a, b)
    if isinstance(b, Const) and a.type == e.type:
        if b.value == 0 and e.op in ("+", "-"):
            return a
        if b.value == 1 and e.op in ("*", "/"):
            return a
    if isinstance(a, Const) and b.type == e.type:
        if a.value == 0 and e.op == "+":
            return b
        if a.value == 1 and e.op == "*":
            return b
    return e


def _float_constant(e: Binary, a: Const, b: Const) -> Expr:
    """The result of two literals; those that aren't finite are left to the GPU."""
    x, y = np.float32(a.value), np.float32(b.value)
    if not (np.isfinite(x) and np.isfinite(y)):
        return e
    with np.errstate(all="ignore"):
        match e.op:
            case "+":
                made = x + y
            case "-":
                made = x - y
            case "*":
                made = x * y
            case "/":
                made = x / y
            case _:
                return const(_compared(e.op, float(x), float(y)), e.type)
    return const(float(made), e.type) if np.isfinite(made) else e


def _compared(op: str, x: float, y: float) -> bool:
    outcomes = {"<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y, "==": x == y, "!=": x != y}
    return outcomes[op]


def _call(e: Call) -> Expr:
    """A call of literals, for functions that are exact everywhere."""
    values = [float(a.value) for a in e.args if isinstance(a, Const)]
    if len(values) < len(e.args) or not all(math.isfinite(v) for v in values):
        return e
    if e.type.scalar not in ("f32", "i32"):
        return e
    match e.function:
        case "abs" if values[0] != LOWEST:
            return const(abs(values[0]), e.type)
        case "min" | "max" if values[0] != values[1]:
            return const((min if e.function == "min" else max)(values), e.type)
        case "floor" | "ceil" | "trunc":
            made = {"floor": np.floor, "ceil": np.ceil, "trunc": np.trunc}[e.function](values[0])
            return const(float(made), e.type)
    return e


def _select(e: Select) -> Expr:
    if isinstance(e.condition, Const):
        return e.if_true if e.condition.value else e.if_false
    if e.if_true == e.if_false:
        return e.if_true
    match e.condition, e.if_true, e.if_false:
        case c, Const(value=True), Const(value=False) if c.type == e.type:
            return c
        case Unary(op="!", operand=c), a, b:
            return Select(e.type, c, b, a)
    return e


def _compose(e: Compose) -> Expr:
    first = e.parts[0]
    match first:
        case Const() if all(p == first for p in e.parts):
            return Const(e.type, first.value)
        case Lane(vector=v) if v.type == e.type and len(e.parts) == e.type.lanes:
            if all(p == Lane(p.type, v, i) for i, p in enumerate(e.parts)):
                return v
    if len(e.parts) > 1 and all(p == first for p in e.parts):
        return Compose(e.type, (first,))
    return e


def _cast(e: Cast, ranges: RangeOf) -> Expr:
    match e.operand:
        case Const(value=v):
            return _cast_constant(e, v)
        case Cast(operand=x):
            way = (x.type.scalar, e.operand.type.scalar, e.type.scalar)
            if way in (("i32", "u32", "i32"), ("u32", "i32", "u32")):
                return x
            if way in (("bool", "i32", "bool"), ("bool", "u32", "bool"), ("bool", "f32", "bool")):
                return x
            if way[0] == "bool" and way[1] in ("i32", "u32") and way[2] != "f16":
                return Cast(e.type, x)
            if way == ("i32", "f32", "i32") and x.type == I32:
                at = ranges(x)
                return x if -EXACT <= at.low and at.high <= EXACT else e
    return e


def _cast_constant(e: Cast, value: float) -> Expr:
    """A literal converted, where every language agrees about the result."""
    if not math.isfinite(value):
        return e
    match e.type.scalar:
        case "f32":
            return const(float(np.float32(value)), e.type)
        case "bool":
            return const(value != 0, e.type)
        case "i32" if e.operand.type.scalar != "u32":
            whole = math.trunc(value)
            return const(whole, e.type) if wrapped(whole) == whole else e
        case "u32" if 0 <= value < 2**32:
            return const(math.trunc(value), e.type)
        case _:
            return e
