"""What simplify does to statements: guards, loops, names."""

from __future__ import annotations

from typing import Any

import pytest

from tflgpuc.ir.errors import KernelError
from tflgpuc.ir.shader import (
    F32,
    F32X4,
    I32,
    Assign,
    Binary,
    Buffer,
    Builder,
    Builtin,
    Expr,
    For,
    If,
    Kernel,
    Let,
    Name,
    Stmt,
    Store,
    Var,
    call,
    const,
    walk_stmts,
)
from tflgpuc.ir.shader.simplify import simplify

X, Y = Builtin(I32, "global_id", 0), Builtin(I32, "global_id", 1)


class Author:
    """A kernel of 16 x 16 invocations that writes ``y`` and reads ``x``."""

    def __init__(self) -> None:
        self.k = Builder("kernel")
        self.x = self.k.buffer("x", I32, 4096)
        self.y = self.k.buffer("y", I32, 4096, "read_write")

    def put(self, value: Expr, index: Any = 0) -> None:
        self.k.store(self.y, index, value)

    def done(self) -> tuple[Stmt, ...]:
        made = simplify(self.k.done((16, 16, 1), (8, 8, 1)))
        assert simplify(made) == made
        return made.body


def values(body: tuple[Stmt, ...]) -> list[Expr]:
    return [s.value for s in walk_stmts(body) if isinstance(s, Store)]


def kinds(body: tuple[Stmt, ...]) -> list[str]:
    return [type(s).__name__ for s in walk_stmts(body)]


def test_guards_that_hold_are_spliced_and_others_dropped() -> None:
    a = Author()
    with a.k.when(X < 16):
        a.put(X)
    with a.k.otherwise():
        a.put(Y)
    with a.k.when(X > 15):
        a.put(Y)
    assert kinds(a.done()) == ["Store"]


def test_a_guard_narrows_what_is_inside_and_only_that() -> None:
    a = Author()
    with a.k.when((X < 10) & (Y >= 3)):
        a.put(call("clamp", X, 0, 9) + call("max", Y, 3))
    with a.k.otherwise():
        a.put(call("min", X, 9))
    a.put(call("min", X, 9))
    assert values(a.done()) == [X + Y, call("min", X, 9), call("min", X, 9)]


def test_a_guard_on_a_name_narrows_what_it_is_made_of() -> None:
    a = Author()
    pixel = a.k.let("pixel", X * 4)
    last = a.k.let("last", pixel + 3)
    with a.k.when(last < 40):
        a.put(call("min", pixel, 36) + call("min", X, 9) + call("min", last, 39))
    (store,) = values(a.done())
    assert store == Name(I32, "pixel") + X + Name(I32, "last")


@pytest.mark.parametrize(
    ("guard", "vanish", "stay"),
    [
        (X * 4 < 40, call("min", X, 9), call("min", X, 8)),
        (X * 4 >= 9, call("max", X, 3), call("max", X, 4)),
        (X / 4 < 2, call("min", X, 7), call("min", X, 6)),
        ((X - 9) / 4 >= -1, call("max", X, 2), call("max", X, 3)),
        ((X - 9) / 4 < 0, call("min", X, 5), call("min", X, 4)),
        (-X > -3, call("min", X, 2), call("min", X, 1)),
        (3 - X > 0, call("min", X, 2), call("min", X, 1)),
        (X + 5 <= Y, call("max", Y, 5), call("max", Y, 6)),
        (X.eq(3), call("clamp", X, 3, 3) - 3 + X, call("min", Y, 3)),
        (X.ne(0), call("max", X, 1), call("max", X, 2)),
        (call("max", X, Y) < 4, call("min", Y, 3), call("min", Y, 2)),
        (call("min", X, Y) >= 4, call("max", Y, 4), call("max", Y, 5)),
        # What wraps says nothing of x.
        (X + (2**31 - 5) < 0, X, call("min", X, 3)),
    ],
)
def test_a_guard_is_solved_for_what_it_is_made_of(guard: Expr, vanish: Expr, stay: Expr) -> None:
    a = Author()
    with a.k.when(guard):
        a.put(vanish)
        a.put(stay)
    gone, kept = values(a.done())
    assert gone in (X, Y, const(3, I32))
    assert kept == stay


def test_the_other_side_of_a_guard_knows_the_opposite() -> None:
    a = Author()
    with a.k.when((X < 4) | (Y < 4)):
        a.put(X)
    with a.k.otherwise():
        a.put(call("max", X, 4) + call("max", Y, 4))
    assert values(a.done())[1] == X + Y


def test_a_condition_under_itself_is_known() -> None:
    a = Author()
    p = a.x[X] < a.x[Y]
    with a.k.when(p):
        with a.k.when(p):
            a.put(X)
        with a.k.when(~p):
            a.put(Y)
    assert kinds(a.done()).count("If") == 1
    a = Author()
    with a.k.when(a.y[X] < 3):
        a.put(X, X)
        with a.k.when(a.y[X] < 3):
            a.put(Y)
    assert kinds(a.done()).count("If") == 2


def test_what_an_assignment_or_a_store_changes_is_not_narrowed() -> None:
    a = Author()
    v = a.k.var("v", a.x[X])
    with a.k.when(v < 10):
        a.k.add(v, 100)
        a.put(call("min", v, 50))
    with a.k.when(a.y[X] < 10):
        a.put(a.y[X] + 100, X)
        a.put(call("min", a.y[X], 50))
    first, _, last = values(a.done())
    assert first == call("min", v, 50)
    assert last == call("min", a.y[X], 50)


def test_overflow_under_a_guard_proves_nothing() -> None:
    a = Author()
    large = X * 1_000_000_000
    with a.k.when(large >= 0):
        a.put(large / 1_000_000_000)
    assert any(isinstance(e, Binary) and e.op == "/" for e in values(a.done()))


def test_an_empty_then_side_becomes_the_opposite_condition() -> None:
    a = Author()
    with a.k.when(X < 3):
        a.k.let("unused", X * 5)
    with a.k.otherwise():
        a.put(X)
    (s,) = a.done()
    assert isinstance(s, If)
    assert (s.condition, s.otherwise) == (X >= 3, ())


def test_unrolled_copies_have_names_of_their_own() -> None:
    a = Author()
    taken = a.k.let("w_1", a.x[X + 7])
    with a.k.loop("i", 3, unroll=True) as i:
        a.put(a.k.let("w", a.x[X + i]) + taken, i)
    body = a.done()
    lets = [s.name for s in body if isinstance(s, Let)]
    assert lets == ["w_1", "w_0", "w_1_2", "w_2"]
    assert [s.index for s in body if isinstance(s, Store)] == [const(i, I32) for i in range(3)]


def test_variables_of_an_unrolled_loop_stay_variables() -> None:
    a = Author()
    with a.k.loop("i", 0, start=-2, unroll=True) as i:
        v = a.k.var("v", a.x[X])
        w = a.k.let("w", v)
        with a.k.when(v < 10):
            a.k.add(v, 100)
            a.put(call("min", v, 50) + w, i + 2)
        a.k.add(v, 1)
        a.put(v, X)
    body = a.done()
    v0, w0, v1 = (Name(I32, n) for n in ("v_0", "w_0", "v_1"))
    assert [s.name for s in body if isinstance(s, Var)] == ["v_0", "v_1"]
    assert [s.name for s in body if isinstance(s, Let)] == ["value", "w_0", "w_1"]
    assert values(body)[:2] == [call("min", v0, 50) + w0, v0]
    assert values(body)[3] == v1


def test_nested_loops_unroll() -> None:
    a = Author()
    with (
        a.k.loop("i", 2, unroll=True) as i,
        a.k.loop("j", i + 2, start=i, unroll=True) as j,
    ):
        a.put(i * 10 + j, i * 4 + j)
    assert values(a.done()) == [const(n, I32) for n in (0, 1, 11, 12)]


def test_loops_of_one_trip_and_of_none() -> None:
    a = Author()
    with a.k.loop("once", 3, start=1, step=2) as i:
        a.put(i + X)
    with a.k.loop("never", 3, start=3) as i:
        a.put(i)
    with a.k.loop("empty", X - 20) as i:
        a.put(i)
    assert values(a.done()) == [X + 1]


def test_counters_have_ranges() -> None:
    a = Author()
    with a.k.loop("i", 8, start=1, step=3) as i:
        a.put(call("min", i, 7) + call("min", i, 6), i)
    (loop,) = a.done()
    assert isinstance(loop, For)
    assert values((loop,)) == [i + call("min", i, 6)]


def test_aliases_and_constants_are_inlined_but_not_variables() -> None:
    a = Author()
    one = a.k.let("one", const(1, I32))
    v = a.k.var("v", a.x[X])
    before = a.k.let("before", v)
    again = a.k.let("again", before)
    a.k.add(v, one)
    a.put(again)
    body = a.done()
    assert values(body) == [before]
    assert [s.name for s in body if isinstance(s, Let)] == ["before"]


def test_a_variable_that_is_never_assigned_is_a_name() -> None:
    a = Author()
    v = a.k.var("v", a.x[X])
    a.put(v * v)
    body = a.done()
    assert kinds(body) == ["Let", "Store"]


def test_what_nothing_reads_is_removed() -> None:
    a = Author()
    a.k.let("unread", a.x[X])
    count = a.k.var("count", const(0, I32))
    with a.k.loop("i", 10) as i:
        a.k.assign(count, count + i)
    with a.k.when(X < 3):
        a.k.let("inner", X)
    a.put(X)
    assert kinds(a.done()) == ["Store"]


def test_an_assignment_that_changes_nothing_is_removed() -> None:
    k = Builder("kernel")
    y = k.buffer("y", F32X4, 16, "write")
    v = k.var("v", F32X4)
    k.assign(v, 2.0)
    k.add(v, 0.0)
    k.assign(v, 1.0, "*")
    k.store(y, 0, v)
    assert [s.op for s in simplify(k.done((1, 1, 1))).body if isinstance(s, Assign)] == [""]


def test_multiply_adds_keep_the_authors_order() -> None:
    k = Builder("kernel")
    x, y = k.buffer("x", F32, 8), k.buffer("y", F32, 8, "write")
    e = x[0] * 2.0 + (x[1] * 3.0 + x[2])
    k.store(y, 0, e)
    assert values(simplify(k.done((1, 1, 1))).body) == [e]


def test_names_declared_in_blocks_beside_each_other() -> None:
    y = Buffer("y", I32, "i32", "write", 64)
    t = Name(I32, "t")

    def side(value: Expr, last: int) -> tuple[Stmt, ...]:
        return (Let("t", value), Store(y, X, call("min", t, last) * t))

    kernel = Kernel("twice", (16, 1, 1), (y,), (If(X < 8, side(X, 7), side(X * 3, 7)),))
    (s,) = simplify(kernel).body
    assert isinstance(s, If)
    assert values(s.then) == [t * t]
    (renamed,) = (x.name for x in s.otherwise if isinstance(x, Let))
    other = Name(I32, renamed)
    assert renamed == "t_2"
    assert values(s.otherwise) == [call("min", other, 7) * other]


def test_without_a_group_the_grid_bounds_nothing() -> None:
    k = Builder("kernel")
    y = k.buffer("y", I32, 16, "write")
    with k.when(X < 16):
        k.store(y, X, call("max", X, 0) + call("min", Y, 15))
    (s,) = simplify(k.done((16, 16, 1))).body
    assert isinstance(s, If)
    assert values((s,)) == [X + call("min", Y, 15)]


def test_ill_formed_kernels_raise() -> None:
    y = Buffer("y", F32, "f32", "write", 1)
    kernel = Kernel("bad", (1, 1, 1), (y,), (Store(y, const(0, I32), Name(F32, "z"), "k.py:3"),))
    with pytest.raises(KernelError, match=r"kernel bad: k\.py:3: z is not declared here"):
        simplify(kernel)


def test_a_tile_of_hundreds_of_statements_is_settled() -> None:
    k = Builder("tile")
    x, y = k.buffer("x", F32X4, 4096), k.buffer("y", F32X4, 4096, "write")
    acc = [k.var(f"acc{p}", const(0.0, F32X4)) for p in range(8)]
    with k.loop("i", 16) as i, k.loop("j", 16, unroll=True) as j:
        for p, a in enumerate(acc):
            k.add(a, x[(X * 8 + p) * 16 + i] * x[i * 16 + j])
    for p, a in enumerate(acc):
        k.store(y, X * 8 + p, a)
    kernel = k.done((64, 1, 1), (64, 1, 1))
    made = simplify(kernel)
    assert len([s for s in walk_stmts(made.body) if isinstance(s, Assign)]) == 128
    assert [s.name for s in made.body if isinstance(s, Var)] == [f"acc{p}" for p in range(8)]
    assert simplify(made) == made
