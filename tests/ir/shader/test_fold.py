"""Each rewrite of one expression, on a small tree."""

from __future__ import annotations

import math

import pytest

from tflgpuc.ir.shader import (
    BOOL,
    F32,
    F32X4,
    I32,
    U32,
    Binary,
    Builtin,
    Call,
    Cast,
    Compose,
    Const,
    Expr,
    Kernel,
    Lane,
    Name,
    Select,
    Unary,
    binary,
    call,
    compose,
    const,
    convert,
    select,
)
from tflgpuc.ir.shader.facts import Facts
from tflgpuc.ir.shader.fold import fold
from tflgpuc.ir.shader.integers import bound, linear
from tflgpuc.ir.shader.ranges import ANY, Interval, combine, decide, wrapped
from tflgpuc.ir.shader.rewrite import rewrite_expr

# 48 x 8 x 8 invocations, so that every axis is a range of its own.
GRID = Kernel("grid", (48, 8, 8), (), (), group=(8, 8, 8))
X, Y, Z = (Builtin(I32, "global_id", axis) for axis in range(3))
LX = Builtin(I32, "local_id", 0)
A, B = Name(I32, "a"), Name(I32, "b")
F, V = Name(F32, "f"), Name(F32X4, "v")
P = Name(BOOL, "p")


def folded(e: Expr) -> Expr:
    return rewrite_expr(e, lambda x: fold(x, Facts(GRID).range_of))


def f32(value: float) -> Const:
    return const(value, F32)


def i32(value: int) -> Const:
    return const(value, I32)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # Constants: towards zero, and what an overflow leaves.
        (i32(-7) / 2, i32(-3)),
        (i32(-7) % 3, i32(-1)),
        (i32(7) % 3, i32(1)),
        (i32(2**31 - 1) + 1, i32(-(2**31))),
        (i32(65536) * 65536, i32(0)),
        (i32(6) & 3, i32(2)),
        # Sums: flat, with the constant last.
        (1 + A, A + 1),
        (A + (B + 2) + 3, A + B + 5),
        ((A + 5) - (B + 7), A - B - 2),
        (A - (B - A), Binary(I32, "*", A, i32(2)) - B),
        (A + 0, A),
        (A - A, i32(0)),
        ((A + 3) - A, i32(3)),
        (-A + B, B - A),
        (-(A + 1), i32(-1) - A),
        # Products: with their constant, which a sum's constant moves out of.
        (A * 1, A),
        (A * 0, i32(0)),
        (3 * A, A * 3),
        (A * 4 * 8, A * 32),
        ((A + 1) * 4, A * 4 + 4),
        ((A + B + 1) * 4, (A + B) * 4 + 4),
        (A * 65536 * 65536, i32(0)),
        # Quotients.
        (A / 1, A),
        (A % 1, i32(0)),
        (A / 3 / 5, A / 15),
        (A / 65536 / 65536, i32(0)),
        (A % 12 % 4, A % 4),
        (A / 3 * 3 + A % 3, A),
        (X % 48, X),
        (X / 48, i32(0)),
        ((X - 20) / 48, i32(0)),
        ((Y * 48 + X) / 48, Y),
        ((Y * 48 + X) % 48, X),
        ((Y * 96 + X) / 48, Y * 2),
        ((Y * 48 + X + 96) / 48, Y + 2),
        ((Y * 8 + X) % 4, X % 4),
        (X * 4 / 4, X),
        ((X * 4 + 3) % 4, i32(3)),
        ((X + 12) % 4, X % 4),
        # Bounds that can't bind, or always do.
        (call("min", X, 47), X),
        (call("max", X, 0), X),
        (call("min", X, -1), i32(-1)),
        (call("clamp", X, 0, 47), X),
        (call("clamp", X, 0, 46), call("min", X, 46)),
        (call("clamp", X - 1, 0, 47), call("max", X - 1, 0)),
        (call("min", call("min", A, 9), 5), call("min", A, 5)),
        (call("min", X, X + 1), X),
        # Comparisons.
        (X < 48, const(True, BOOL)),
        (X > 47, const(False, BOOL)),
        (X.ne(-1), const(True, BOOL)),
        ((X * 4 + 1) < (X * 4 + 3), const(True, BOOL)),
        (~(A < B), A >= B),
        (~~P, P),
        # Conditions.
        (P & True, P),
        (P & False, const(False, BOOL)),
        (P | True, const(True, BOOL)),
        (P | P, P),
        (select(const(True, BOOL), A, B), A),
        (select(P, A, A), A),
        (select(~P, A, B), select(P, B, A)),
        (select(P, const(True, BOOL), const(False, BOOL)), P),
        # Conversions.
        (convert(i32(3), "f32"), f32(3.0)),
        (convert(f32(-2.7), "i32"), i32(-2)),
        (convert(i32(2**24 + 1), "f32"), f32(2.0**24)),
        (convert(f32(0.5), "bool"), const(True, BOOL)),
        (convert(convert(A, "u32"), "i32"), A),
        (convert(convert(X, "f32"), "i32"), X),
        # Vectors.
        (Lane(F32, compose(F, f32(1), f32(2), f32(3)), 0), F),
        (Lane(F32, Compose(F32X4, (F,)), 2), F),
        (Lane(F32, const(2.0, F32X4), 3), f32(2.0)),
        (compose(F, F, F, F), Compose(F32X4, (F,))),
        (compose(f32(1), f32(1), f32(1), f32(1)), const(1.0, F32X4)),
        (compose(*(V.lane(i) for i in range(4))), V),
        # Floats, as far as the result is the same.
        (F * 1.0, F),
        (F + 0.0, F),
        (0.0 + F, F),
        (F / 1.0, F),
        (V + 0.0, V),
        (1.0 * V, V),
        (f32(0.1) + 0.2, f32(0.30000001192092896)),
        (f32(1.0) < 2.0, const(True, BOOL)),
        (Unary(F32, "-", -F), F),
        (call("max", f32(1.0), 2.0), f32(2.0)),
    ],
)
def test_becomes(before: Expr, after: Expr) -> None:
    assert folded(before) == after
    assert folded(before).type == before.type


@pytest.mark.parametrize(
    "e",
    [
        F * 0.0,
        F - F,
        F / F,
        0.0 - F,
        F + (F + 1.0),
        ~(F < 1.0),
        f32(1.0) / f32(0.0),
        f32(3e38) * f32(10.0),
        convert(f32(math.inf), "i32"),
        convert(f32(3e9), "i32"),
        convert(convert(A, "f32"), "i32"),
        compose(f32(0.0), f32(-0.0), f32(0.0), f32(0.0)),
        select(P, f32(0.0), f32(-0.0)),
        compose(*(V.lane(3 - i) for i in range(4))),
        # Nothing is known of a and b: sums may wrap, and may be negative.
        A * 4 / 4,
        (A * 4 + 3) % 4,
        (X - 20) / 12,
        (X - 24) % 12,
        (Y * 48 + X - 100) / 48,
        A / B,
        A % -3,
        A / -1,
        call("min", A, B),
        call("clamp", A, 5, 2),
        call("clamp", X, 50, 40),
        A < (A + 1),
    ],
)
def test_stays(e: Expr) -> None:
    assert folded(e) == e


def test_literals_of_one_value_but_other_bits_differ() -> None:
    assert f32(0.0) != f32(-0.0)
    assert f32(math.nan) == f32(math.nan)
    assert const(1, I32) != const(1, U32)


def test_a_scalar_that_is_widened_stays() -> None:
    e = binary("+", F, const(0.0, F32X4))
    assert folded(e) == e


@pytest.mark.parametrize(
    ("op", "a", "b", "made"),
    [
        ("+", (0, 5), (-1, 2), (-1, 7)),
        ("-", (0, 5), (-1, 2), (-2, 6)),
        ("*", (-2, 3), (-5, 4), (-15, 12)),
        ("/", (-7, 7), (2, 3), (-3, 3)),
        ("%", (-7, 20), (4, 4), (-3, 3)),
        ("%", (0, 2), (4, 4), (0, 2)),
        ("<<", (1, 3), (2, 2), (4, 12)),
        (">>", (-5, 9), (1, 1), (-3, 4)),
        ("&", (0, 12), (-4, 100), (0, 12)),
        ("|", (0, 5), (0, 8), (0, 15)),
        ("min", (0, 5), (3, 9), (0, 5)),
        ("max", (0, 5), (3, 9), (3, 9)),
    ],
)
def test_intervals(op: str, a: tuple[int, int], b: tuple[int, int], made: tuple[int, int]) -> None:
    assert combine(op, Interval(*a), Interval(*b)) == Interval(*made)


def test_what_may_wrap_is_unknown() -> None:
    assert combine("*", Interval(0, 2**16), Interval(0, 2**16)) == ANY
    assert combine("/", Interval(0, 9), Interval(0, 3)) == ANY
    assert wrapped(2**31) == -(2**31)
    terms, constant = linear(A * 3 + 1)
    assert bound(terms, constant, lambda e: Interval(0, 10)) == Interval(1, 31)
    assert bound(terms, constant, lambda e: Interval(0, 2**30)) is None


def test_comparisons_of_intervals() -> None:
    low, high = Interval(0, 3), Interval(3, 5)
    assert decide("<=", low, high) is True
    assert decide("<", low, high) is None
    assert decide("==", low, Interval(4, 5)) is False
    assert decide("!=", Interval(3, 3), Interval(3, 3)) is False


def test_ranges_of_trees() -> None:
    of = Facts(GRID).range_of
    assert of(X * 4 + LX) == Interval(0, 47 * 4 + 7)
    assert of(Select(I32, P, X, Y - 3)) == Interval(-3, 47)
    assert of(Call(I32, "abs", (X - 10,))) == Interval(0, 37)
    assert of(Cast(I32, P)) == Interval(0, 1)
    assert of(Unary(I32, "-", X)) == Interval(-47, 0)
    assert of(A) == ANY
