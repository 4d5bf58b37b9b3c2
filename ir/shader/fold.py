"""Local rewrites of one expression over already simplified operands."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tflgpuc.ir.shader.expr import (
    COMPARISONS,
    Binary,
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
from tflgpuc.ir.shader.ranges import Interval, decide
from tflgpuc.ir.shader.types import BOOL, I32

RangeOf = Callable[[Expr], Interval]


def fold(e: Expr, ranges: RangeOf) -> Expr:
    """The expression in its simplest form; float arithmetic only where the result is the same."""
    match e:
        case Binary(type=type) if e.left.type == I32 and type in (I32, BOOL):
            return _integer(e, ranges)
        case Binary():
            return _logic(e) if e.op in ("&&", "||") else _float(e)
        case Unary(op="-", operand=Const(value=v)) if e.type.scalar != "bool":
            return const_like(e, -v)
        case Unary(op="!", operand=Const(value=v)):
            return const_like(e, not v)
        case Call(function="min" | "max" | "clamp") if e.type == I32:
            return _bounded(e, ranges)
        case Select():
            return _select(e)
        case Lane(vector=Compose(parts=parts), index=i):
            return parts[i] if len(parts) > 1 else parts[0]
        case Lane(vector=Const(value=v)):
            return Const(e.type, v)
        case Compose(parts=parts) if all(isinstance(p, Const) and p == parts[0] for p in parts):
            first = parts[0]
            assert isinstance(first, Const)
            return Const(e.type, first.value)
        case Cast(operand=Const(value=v)) if e.type.scalar in ("i32", "f32"):
            return const(math.trunc(v) if e.type.scalar == "i32" else v, e.type)
    return e


def const_like(e: Expr, value: float | int | bool) -> Const:
    """A literal of the expression's type."""
    return const(value, e.type)


def _logic(e: Binary) -> Expr:
    absorbing = e.op == "||"
    for one, other in ((e.left, e.right), (e.right, e.left)):
        if isinstance(one, Const):
            return one if one.value == absorbing else other
    return e.left if e.left == e.right else e


def _float(e: Binary) -> Expr:
    a, b = e.left, e.right
    if e.type.scalar != "f32" or not e.left.type.is_float:
        return e
    if isinstance(a, Const) and isinstance(b, Const):
        x, y = np.float32(a.value), np.float32(b.value)
        with np.errstate(all="ignore"):
            made = {"+": x + y, "-": x - y, "*": x * y, "/": x / y}[e.op]
        return Const(e.type, float(made))
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


def _select(e: Select) -> Expr:
    if isinstance(e.condition, Const):
        return e.if_true if e.condition.value else e.if_false
    return e.if_true if e.if_true == e.if_false else e


def _bounded(e: Call, ranges: RangeOf) -> Expr:
    """``min``, ``max`` and ``clamp`` that can't bind."""
    x, *rest = e.args
    if e.function == "clamp":
        low, high = rest
        at = ranges(x)
        fits_low, fits_high = decide(">=", at, ranges(low)), decide("<=", at, ranges(high))
        if fits_low and fits_high:
            return x
        if fits_low:
            return Call(I32, "min", (x, high))
        return Call(I32, "max", (x, low)) if fits_high else e
    (y,) = rest
    smaller = decide("<=", ranges(x), ranges(y))
    larger = decide(">=", ranges(x), ranges(y))
    if smaller or larger:
        return x if bool(smaller) == (e.function == "min") else y
    return e


# --- integers: sums of terms with their constant last ---


def terms(e: Expr) -> tuple[list[Expr], int]:
    """The non-constant terms of an i32 sum in order, and the constant one."""
    found: list[Expr] = []
    total = 0
    stack = [e]
    while stack:
        x = stack.pop()
        match x:
            case Binary(op="+", left=a, right=b):
                stack += [b, a]
            case Binary(op="-", left=a, right=Const(value=v)):
                total -= int(v)
                stack.append(a)
            case Const(value=v):
                total += int(v)
            case _:
                found.append(x)
    return found, total


def total(parts: list[Expr], constant: int) -> Expr:
    """The sum of terms, the constant last."""
    if not parts:
        return const(constant, I32)
    made = parts[0]
    for part in parts[1:]:
        made = Binary(I32, "+", made, part)
    if constant > 0:
        return Binary(I32, "+", made, const(constant, I32))
    return Binary(I32, "-", made, const(-constant, I32)) if constant else made


def _rejoined(parts: list[Expr], constant: int) -> tuple[list[Expr], int]:
    """The terms with ``x / c * c + x % c`` as ``x``."""
    for i, part in enumerate(parts):
        match part:
            case Binary(op="%", left=x, right=c):
                floor = Binary(I32, "*", Binary(I32, "/", x, c), c)
                if floor in parts:
                    kept = [p for j, p in enumerate(parts) if j != i and p != floor]
                    return _rejoined([*kept, *terms(x)[0]], constant + terms(x)[1])
    return parts, constant


def _integer(e: Binary, ranges: RangeOf) -> Expr:
    if e.op in COMPARISONS:
        known = decide(e.op, ranges(e.left), ranges(e.right))
        return e if known is None else const(known, BOOL)
    a, b = e.left, e.right
    match e.op:
        case "+":
            return total(*_rejoined(*terms(e)))
        case "-" if isinstance(b, Const):
            return total(*terms(e))
        case "-" if a == b:
            return const(0, I32)
        case "*":
            return _product(e)
        case "/" if isinstance(b, Const) and b.value > 0:
            return _division(e, int(b.value), ranges)
        case "%" if isinstance(b, Const) and b.value > 0:
            return _remainder(e, int(b.value), ranges)
    return e


def _product(e: Binary) -> Expr:
    a, b = e.left, e.right
    if isinstance(a, Const):
        a, b = b, a
    if not isinstance(b, Const):
        return e
    factor = int(b.value)
    if isinstance(a, Const):
        return const(int(a.value) * factor, I32)
    if factor == 0:
        return const(0, I32)
    if factor == 1:
        return a
    match a:
        case Binary(op="*", left=x, right=Const(value=v)):
            return Binary(I32, "*", x, const(int(v) * factor, I32))
    parts, constant = terms(a)
    if constant:
        scaled = Binary(I32, "*", total(parts, 0), b)
        return total([_product(scaled)], constant * factor)
    return Binary(I32, "*", a, b)


def _factor(term: Expr) -> int:
    match term:
        case Binary(op="*", right=Const(value=v)):
            return int(v)
    return 1


def _split(e: Expr, divisor: int) -> tuple[list[Expr], Expr]:
    """An i32 sum as terms that ``divisor`` divides, already divided, and the rest of the sum."""
    parts, constant = terms(e)
    whole: list[Expr] = []
    rest: list[Expr] = []
    for part in parts:
        factor = _factor(part)
        if factor % divisor == 0 and isinstance(part, Binary):
            left = factor // divisor
            whole.append(part.left if left == 1 else Binary(I32, "*", part.left, const(left, I32)))
        else:
            rest.append(part)
    quotient = constant // divisor
    if quotient and whole:
        whole.append(const(quotient, I32))
        constant -= quotient * divisor
    return whole, total(rest, constant)


def _division(e: Binary, divisor: int, ranges: RangeOf) -> Expr:
    if divisor == 1:
        return e.left
    at = ranges(e.left)
    if 0 <= at.low and at.high < divisor:
        return const(0, I32)
    if isinstance(e.left, Const):
        return const(math.trunc(int(e.left.value) / divisor), I32)
    whole, rest = _split(e.left, divisor)
    # Rounding towards zero splits only where neither part is negative.
    if whole and at.low >= 0 and ranges(rest).low >= 0 and ranges(rest).high < divisor:
        return total(*terms(_sum(whole)))
    return e


def _remainder(e: Binary, divisor: int, ranges: RangeOf) -> Expr:
    if divisor == 1:
        return const(0, I32)
    at = ranges(e.left)
    if 0 <= at.low and at.high < divisor:
        return e.left
    whole, rest = _split(e.left, divisor)
    if whole and at.low >= 0 and ranges(rest).low >= 0:
        if ranges(rest).high < divisor:
            return rest
        return Binary(I32, "%", rest, e.right)
    return e


def _sum(parts: list[Expr]) -> Expr:
    return total(
        [p for p in parts if not isinstance(p, Const)],
        sum(int(p.value) for p in parts if isinstance(p, Const)),
    )
