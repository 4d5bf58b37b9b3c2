"""What the printers share: names, parentheses, literals."""

from __future__ import annotations

from random import Random
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.shaders import KERNELS
from tflgpuc.backends.glsl import print_glsl
from tflgpuc.backends.glsl.reader import read
from tflgpuc.backends.printer import Namer, comment_lines, shortest
from tflgpuc.ir.shader import (
    F32,
    F32X4,
    I32,
    U32,
    Builder,
    Call,
    Const,
    Expr,
    Kernel,
    Stmt,
    Store,
    Type,
    binary,
    call,
    const,
    exprs,
    select,
    unary,
    walk,
    walk_stmts,
)
from tflgpuc.ir.shader.expr import ARITHMETIC, BITWISE, COMPARISONS, FUNCTIONS, LOGICAL
from tflgpuc.ir.shader.types import Scalar


def storing(make: object, type: Type = I32) -> Kernel:
    """A kernel that stores ``make(a, b, c)`` of three loaded values."""
    k = Builder("storing")
    src, dst = k.buffer("src", type, 3), k.buffer("dst", type, 1, "write")
    a, b, c = (k.var(name, src[i]) for i, name in enumerate("abc"))
    k.store(dst, 0, make(a, b, c))  # type: ignore[operator]
    return k.done((1, 1, 1), (1, 1, 1))


def printed(make: object, type: Type = I32) -> str:
    text = print_glsl(storing(make, type))
    return text[text.index("dst[0] = ") + 9 :].partition(";")[0]


def negative(value: int) -> Expr:
    return const(value, I32)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda a, b, c: a + b * c, "a + b * c"),
        (lambda a, b, c: (a + b) * c, "(a + b) * c"),
        (lambda a, b, c: a - (b - c), "a - (b - c)"),
        (lambda a, b, c: a - b - c, "a - b - c"),
        (lambda a, b, c: a / (b * c), "a / (b * c)"),
        (lambda a, b, c: -a * -b, "-a * -b"),
        (lambda a, b, c: unary("-", -a), "-(-a)"),
        (lambda a, b, c: -(a + b), "-(a + b)"),
        (lambda a, b, c: a + negative(-1), "a - 1"),
        (lambda a, b, c: a - negative(-1), "a + 1"),
        (lambda a, b, c: a * negative(-2), "a * -2"),
        (lambda a, b, c: -negative(-2), "-(-2)"),
        (lambda a, b, c: a + negative(-(2**31)), "a + (-2147483647 - 1)"),
        (lambda a, b, c: (a << 2) + b, "(a << 2) + b"),
        # Compilers and people alike want these parentheses, which precedence makes needless.
        (lambda a, b, c: a << (b + c), "a << (b + c)"),
        (lambda a, b, c: (a & b) | c, "(a & b) | c"),
        (lambda a, b, c: a | b | c, "a | b | c"),
        (lambda a, b, c: (a >> 3) & 7, "(a >> 3) & 7"),
        (lambda a, b, c: select(a < b + 1, a, b), "a < b + 1 ? a : b"),
        (lambda a, b, c: select((a < b) | ((b < c) & (a < c)), a, b),
         "a < b || (b < c && a < c) ? a : b"),
        (lambda a, b, c: select((a < b) & (b < c) & (a < c), a, b),
         "a < b && b < c && a < c ? a : b"),
        (lambda a, b, c: select((a < b).eq(b < c), a, b), "(a < b) == (b < c) ? a : b"),
        (lambda a, b, c: select(~(a < b), a, b), "!(a < b) ? a : b"),
        (lambda a, b, c: select(a < b, a, select(b < c, b, c)), "a < b ? a : b < c ? b : c"),
        (lambda a, b, c: select(a < b, select(b < c, b, c), a), "a < b ? (b < c ? b : c) : a"),
        (lambda a, b, c: select(a < b, a, b) + c, "(a < b ? a : b) + c"),
        (lambda a, b, c: call("min", a + b, select(a < b, a, b)), "min(a + b, a < b ? a : b)"),
    ],
)  # fmt: skip
def test_parentheses_only_where_needed(make: object, text: str) -> None:
    assert printed(make) == text


def test_a_lane_of_a_sum() -> None:
    def lane(a: Expr, b: Expr, _: Expr) -> Expr:
        return select((a + b).lane(1) < a.lane(3), a, b)

    assert printed(lane, F32X4) == "(a + b).y < a.w ? a : b"


def tree(rng: Random, leaves: list[Expr], depth: int) -> Expr:
    """An expression of integers; any operator may stand at any place."""
    if depth <= 0 or rng.random() < 0.1:
        return rng.choice(leaves)
    match rng.randrange(6):
        case 0:
            operand = tree(rng, leaves, depth - 1)
            # Read back, the negative of a literal is one literal.
            return operand if isinstance(operand, Const) else unary("-", operand)
        case 1:
            chosen = [tree(rng, leaves, depth - 1) for _ in range(2)]
            return select(condition(rng, leaves, depth - 1), *chosen)
        case _:
            left, right = (tree(rng, leaves, depth - 1) for _ in range(2))
            return binary(rng.choice([*ARITHMETIC, *BITWISE]), left, right)


def condition(rng: Random, leaves: list[Expr], depth: int) -> Expr:
    """The same for bools."""
    if depth > 0:
        match rng.randrange(4):
            case 0:
                return unary("!", condition(rng, leaves, depth - 1))
            case 1:
                left, right = (condition(rng, leaves, depth - 1) for _ in range(2))
                return binary(rng.choice([*LOGICAL, "==", "!="]), left, right)
    return binary(rng.choice(COMPARISONS), *(tree(rng, leaves, depth - 1) for _ in range(2)))


def test_any_expression_reads_back_as_itself() -> None:
    for seed in range(200):
        rng = Random(seed)
        kernel = storing(lambda *names, rng=rng: tree(rng, [*names, const(5, I32)], 4))
        store, back = kernel.body[-1], read(print_glsl(kernel)).body[-1]
        assert isinstance(store, Store)
        assert isinstance(back, Store)
        assert back.value == store.value


def test_names_are_legal_and_unique() -> None:
    name = Namer(["float", "max"])
    assert name("x") == name("x") == "x"
    assert name("float") == "float_1"
    assert name("float_1") == "float_1_1"
    assert name("a__b_") == "a_b"
    assert name("a_b") == "a_b_1"
    assert name("3d") == "x3d"
    assert name("gl_position") == "position"
    assert name("conv/add:0") == "conv_add_0"
    assert name("größe") == "gr_e"
    assert name("__") == "x_1"


def test_buffers_keep_their_names_before_anything_else() -> None:
    k = Builder("clash")
    dst = k.buffer("x_", I32, 1, "write")
    k.store(dst, 0, k.let("x", k.gid(0)) + 1)
    text = print_glsl(k.done((1, 1, 1), (1, 1, 1)))
    assert "x[0] = x_1 + 1;" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.0"), (-0.0, "-0.0"), (0.1, "0.1"), (1 / 3, "0.33333334"), (1e-7, "1e-07"),
        (16777216.0, "1.6777216e+07"), (1e30, "1e+30"), (1e-45, "1e-45"),
        (-3.4028234663852886e38, "-3.4028234e+38"),
    ],
)  # fmt: skip
def test_literals_are_as_short_as_can_be(value: float, text: str) -> None:
    assert shortest(value) == text


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_every_float_reads_back_as_itself(value: float) -> None:
    text = shortest(value)
    assert "." in text or "e" in text
    assert np.float32(text).tobytes() == np.float32(value).tobytes()
    # Above the largest f32 a driver may see an overflow.
    assert abs(float(text)) <= np.finfo(np.float32).max


def test_a_comment_stays_one_line() -> None:
    lines = comment_lines(["a  b\nc", "ends\\", "x\r\ny"])
    assert lines == ["a  b c", "ends/", "x y"]


def test_the_test_kernels_hold_everything() -> None:
    statements = [s for k in KERNELS for s in walk_stmts(k.body)]
    found = [e for s in statements for root in exprs(s) for e in walk(root)]
    assert {type(s) for s in statements} == set(get_args(Stmt))
    assert {type(e) for e in found} == set(get_args(Expr))
    assert {e.type.scalar for e in found} == set(get_args(Scalar))
    for scalar, lanes in [(s, n) for s in ("f32", "f16") for n in (1, 4)]:
        kernel = next(k for k in KERNELS if k.name == f"functions_{Type(scalar, lanes)}")
        roots = [root for s in kernel.body for root in exprs(s)]
        used = {e.function for root in roots for e in walk(root) if isinstance(e, Call)}
        assert used >= FUNCTIONS.keys() - ({"dot"} if lanes == 1 else set())
    assert {U32, F32} <= {e.type for e in found}
