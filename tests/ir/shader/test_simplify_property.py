"""Random kernels mean the same before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tflgpuc.ir.shader import (
    I32,
    Assign,
    Binary,
    Buffer,
    Builder,
    Builtin,
    Call,
    Const,
    Expr,
    If,
    Kernel,
    Let,
    Name,
    Select,
    Stmt,
    Store,
    Unary,
    Var,
    binary,
    call,
    exprs,
    select,
    walk,
    walk_stmts,
)
from tflgpuc.ir.shader.interpret import interpret
from tflgpuc.ir.shader.ranges import HIGHEST, LOWEST, quotient, wrapped
from tflgpuc.ir.shader.simplify import simplify

Draw = Callable[[st.SearchStrategy[Any]], Any]
GROUP = (4, 2, 1)
GRID = (6, 3, 1)
LEAVES = [
    Builtin(I32, kind, axis)  # type: ignore[arg-type]
    for kind in ("global_id", "local_id", "group_id")
    for axis in (0, 1)
]
COMPARED = ["<", "<=", ">", ">=", "==", "!="]
NUMBERS = st.one_of(
    st.integers(-12, 12),
    st.sampled_from([16, 24, 48, 65536, 10**9, HIGHEST, LOWEST]),
)


# --- kernels ---


def expression(draw: Draw, names: list[Expr], depth: int) -> Expr:
    """A random i32 tree over names, places in the grid and numbers."""
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        leaf: Expr = draw(st.sampled_from([*LEAVES, *names]))
        return leaf

    def operand() -> Expr | int:
        if draw(st.integers(0, 2)) == 0:
            return int(draw(NUMBERS))
        return expression(draw, names, depth - 1)

    x = expression(draw, names, depth - 1)
    match draw(st.sampled_from(["sum", "product", "/", "%", "bound", "select", "-", "shift", "&"])):
        case "sum":
            return binary(draw(st.sampled_from("+-")), x, operand())
        case "product":
            return operand() * x if draw(st.booleans()) else x * operand()
        case "/" | "%" as op:
            divisor = draw(st.sampled_from([1, 2, 3, 4, 6, 8, 12, 24, 65536, -1, -3]))
            return binary(op, x, divisor)
        case "bound":
            low = draw(st.integers(-8, 8))
            if draw(st.booleans()):
                return call("clamp", x, low, low + draw(st.integers(0, 12)))
            return call(draw(st.sampled_from(["min", "max"])), x, operand())
        case "select":
            return select(condition(draw, names, depth - 1), x, operand())
        case "-":
            return -x
        case "shift":
            return binary(draw(st.sampled_from(["<<", ">>"])), x, draw(st.integers(0, 5)))
        case _:
            return binary(draw(st.sampled_from("&|^")), x, operand())


def condition(draw: Draw, names: list[Expr], depth: int) -> Expr:
    """A random comparison, or some joined."""
    x = expression(draw, names, max(depth, 0))
    other = expression(draw, names, 0) if draw(st.booleans()) else draw(NUMBERS)
    made = binary(draw(st.sampled_from(COMPARED)), x, other)
    match draw(st.integers(0, 5)) if depth > 0 else 5:
        case 0:
            return ~made
        case 1:
            return made & condition(draw, names, depth - 1)
        case 2:
            return made | condition(draw, names, depth - 1)
        case _:
            return made


@st.composite
def pure_kernels(draw: Draw) -> Kernel:
    """Names, and stores under nested guards."""
    k = Builder("pure")
    y = k.buffer("y", I32, 0, "write")
    names: list[Expr] = []
    place = iter(range(100))

    def block(depth: int) -> None:
        outer = len(names)
        for _ in range(draw(st.integers(1, 3))):
            if draw(st.booleans()):
                names.append(k.let("n", expression(draw, names, 2)))
            k.store(y, next(place), expression(draw, names, 3))
            if depth and draw(st.booleans()):
                with k.when(condition(draw, names, 2)):
                    block(depth - 1)
                if draw(st.booleans()):
                    with k.otherwise():
                        block(depth - 1)
        del names[outer:]

    block(2)
    return k.done(GRID, GROUP)


@st.composite
def kernels(draw: Draw) -> Kernel:
    """Variables, loops, guards, loads and stores; each invocation stores to eight places of its own."""
    k = Builder("random")
    x = k.buffer("x", I32, 64)
    y = k.buffer("y", I32, 48 * 8, "read_write")
    own = (k.gid(1) * 8 + k.gid(0)) * 8
    names: list[Expr] = []
    variables: list[Name] = []

    def value(depth: int) -> Expr:
        e = expression(draw, names, depth)
        match draw(st.integers(0, 4)):
            case 0:
                return x[call("clamp", e, 0, 63)]
            case 1:
                return y[own + call("clamp", e, 0, 7)]
            case _:
                return e

    def statement(depth: int) -> None:
        match draw(st.integers(0, 6 if depth else 3)):
            case 0:
                names.append(k.let("n", value(2)))
            case 1:
                v = k.var("v", value(1))
                variables.append(v)
                names.append(v)
            case 2 if variables:
                k.assign(
                    draw(st.sampled_from(variables)), value(2), draw(st.sampled_from(["", "+"]))
                )
            case 4 | 5:
                with k.when(condition(draw, names, 2)):
                    block(depth - 1)
                if draw(st.booleans()):
                    with k.otherwise():
                        block(depth - 1)
            case 6:
                start, trips = draw(st.integers(-2, 2)), draw(st.integers(0, 3))
                stop: Any = start + trips
                if draw(st.integers(0, 3)) == 0:
                    stop = call("min", expression(draw, names, 1), start + 3)
                step, unroll = draw(st.integers(1, 2)), draw(st.booleans())
                with k.loop("i", stop, start=start, step=step, unroll=unroll) as i:
                    names.append(i)
                    block(depth - 1)
                    names.remove(i)
            case _:
                k.store(y, own + call("clamp", value(1), 0, 7), value(2))

    def block(depth: int) -> None:
        outer = len(names), len(variables)
        for _ in range(draw(st.integers(1, 4))):
            statement(depth)
        # However a block ends, something is left to see.
        if names:
            k.store(y, own + draw(st.integers(0, 7)), draw(st.sampled_from(names)))
        del names[outer[0] :], variables[outer[1] :]

    block(3)
    return k.done(GRID, GROUP)


# --- what they mean ---


class Invocation:
    """The plainest evaluator of names, guards and stores: one invocation, Python integers."""

    def __init__(self, x: int, y: int) -> None:
        self.places = {("global_id", i): p for i, p in enumerate((x, y))}
        for i, p in enumerate((x, y)):
            self.places["local_id", i] = p % GROUP[i]
            self.places["group_id", i] = p // GROUP[i]
        self.names: dict[str, int] = {}
        self.stored: dict[int, int] = {}

    def run(self, body: tuple[Stmt, ...]) -> None:
        for s in body:
            match s:
                case Let() | Assign():
                    self.names[s.name] = self.value(s.value)
                case Store():
                    self.stored[self.value(s.index)] = self.value(s.value)
                case If():
                    self.run(s.then if self.value(s.condition) else s.otherwise)
                case _:
                    raise AssertionError(s)

    def value(self, e: Expr) -> int:
        match e:
            case Const(value=v):
                return int(v)
            case Name(name=name):
                return self.names[name]
            case Builtin(kind=kind, axis=axis):
                return self.places[kind, axis]
            case Unary(op="!", operand=x):
                return not self.value(x)
            case Unary(operand=x):
                return wrapped(-self.value(x))
            case Select(condition=c, if_true=x, if_false=y):
                return self.value(x if self.value(c) else y)
            case Call(function=f, args=args):
                x, *rest = map(self.value, args)
                if f == "clamp":
                    return min(max(x, rest[0]), rest[1])
                return min(x, rest[0]) if f == "min" else max(x, rest[0])
            case Binary(op=op, left=x, right=y):
                return operation(op, self.value(x), self.value(y))
        raise AssertionError(e)


def operation(op: str, a: int, b: int) -> int:
    """C's integer operations on 32 bits; overflow wraps."""
    match op:
        case "/":
            return wrapped(quotient(a, b))
        case "%":
            return wrapped(a - quotient(a, b) * b)
        case "+" | "-" | "*" | "<<" | ">>" | "&" | "|" | "^":
            return wrapped(OPERATIONS[op](a, b))
        case "&&":
            return a and b
        case "||":
            return a or b
        case _:
            return OPERATIONS[op](a, b)


OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "<<": lambda a, b: a << b,
    ">>": lambda a, b: a >> b,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def evaluated(kernel: Kernel) -> Iterator[dict[int, int]]:
    """What each launched invocation stores."""
    for y in range(kernel.groups[1] * GROUP[1]):
        for x in range(kernel.groups[0] * GROUP[0]):
            one = Invocation(x, y)
            one.run(kernel.body)
            yield one.stored


def interpreted(kernel: Kernel) -> NDArray[np.int32]:
    """``y`` after the kernel, from numbers that are the same every time."""
    rng = np.random.default_rng(5)
    x = rng.integers(-20, 20, 64, dtype=np.int32)
    y = rng.integers(-20, 20, 48 * 8, dtype=np.int32)
    interpret(kernel, {"x": x.view(np.uint8), "y": y.view(np.uint8)})
    return y


@settings(max_examples=100)
@given(pure_kernels())
def test_expressions_and_guards_mean_the_same(kernel: Kernel) -> None:
    made = simplify(kernel)
    assert list(evaluated(made)) == list(evaluated(kernel))
    for s in walk_stmts(made.body):
        for e in exprs(s):
            literals = [x for x in walk(e) if isinstance(x, Const) and x.type == I32]
            assert all(LOWEST <= x.value <= HIGHEST for x in literals)


@settings(max_examples=150)
@given(kernels())
def test_random_kernels_interpret_equally(kernel: Kernel) -> None:
    made = simplify(kernel)
    np.testing.assert_array_equal(interpreted(made), interpreted(kernel))
    assert made.buffers == kernel.buffers


@settings(max_examples=100)
@given(kernels())
def test_simplify_is_a_fixed_point_and_the_same_every_time(kernel: Kernel) -> None:
    made = simplify(kernel)
    assert simplify(kernel) == made
    assert simplify(made) == made


def test_the_evaluator_sees_a_difference() -> None:
    y = Buffer("y", I32, "i32", "write", 0)
    at = Builtin(I32, "global_id", 0)

    def kernel(value: Expr) -> Kernel:
        return Kernel("k", GRID, (y,), (Store(y, at, value),), group=GROUP)

    assert list(evaluated(kernel((at - 5) / 2))) != list(evaluated(kernel((at - 5) >> 1)))
    assert not any(isinstance(s, Var) for s in kernel(at).body)
