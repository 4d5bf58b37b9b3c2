"""What gets a name of its own, and where."""

from __future__ import annotations

from tflgpuc.ir.shader import (
    F32,
    I32,
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
    call,
    const,
    select,
    walk_stmts,
)
from tflgpuc.ir.shader.share import share
from tflgpuc.ir.shader.verify import verify

X, Y, Z = (Builtin(I32, "global_id", axis) for axis in range(3))
INDEX = Name(I32, "index")


def shared(k: Builder) -> tuple[Stmt, ...]:
    made = share(k.done((8, 8, 8), (8, 8, 1)))
    verify(made)
    return made.body


def start() -> tuple[Builder, Expr, Expr]:
    """A builder, and buffers ``x`` to read and ``y`` to write, as functions of an index."""
    k = Builder("kernel")
    return k, k.buffer("x", I32, 64), k.buffer("y", I32, 64, "read_write")  # type: ignore[return-value]


def lets(body: tuple[Stmt, ...]) -> dict[str, Expr]:
    return {s.name: s.value for s in walk_stmts(body) if isinstance(s, Let)}


def test_a_repeated_index_is_named_before_its_first_use() -> None:
    k, x, y = start()
    k.store(y, 0, Z)
    k.store(y, X * 8 + Y, x[X * 8 + Y + 1] + x[X])
    body = shared(k)
    assert body[1] == Let("index", X * 8 + Y)
    store = body[2]
    assert isinstance(store, Store)
    assert (store.index, store.value) == (INDEX, x[INDEX + 1] + x[X])


def test_cheap_or_single_arithmetic_is_not() -> None:
    k, x, y = start()
    k.store(y, X + 1, x[X + 1] + x[X * 8])
    k.store(y, Y, call("min", X, 3) + call("min", X, 3))
    assert lets(shared(k)) == {}


def test_the_larger_is_named_once_and_its_parts_only_if_needed_beside_it() -> None:
    k, x, y = start()
    k.store(y, X * 8 + Y, x[X * 8 + Y])
    assert lets(shared(k)) == {"index": X * 8 + Y}
    k, x, y = start()
    k.store(y, X * 8 + Y, x[X * 8 + Y] + x[X * 8])
    assert lets(shared(k)) == {"index": X * 8, "index_2": INDEX + Y}


def test_uses_inside_one_block_stay_there() -> None:
    k, x, y = start()
    with k.when(X < 3):
        k.store(y, X * 8, x[X * 8])
    (s,) = shared(k)
    assert isinstance(s, If)
    assert s.then[0] == Let("index", X * 8)


def test_uses_in_two_blocks_meet_before_both() -> None:
    k, _, y = start()
    with k.when(X < 3):
        k.store(y, X * 8, Y)
    with k.otherwise():
        k.store(y, X * 8, Z)
    assert shared(k)[0] == Let("index", X * 8)


def test_the_authors_name_is_used() -> None:
    k, x, y = start()
    with k.when(X < 3):
        k.store(y, X * 8, Y)
    row = k.let("row", X * 8)
    k.store(y, row, x[X * 8])
    body = shared(k)
    assert body[0] == Let("row", X * 8)
    assert list(lets(body)) == ["row"]
    k, x, y = start()
    row = k.let("row", X * 8)
    k.store(y, row, x[X * 8])
    assert shared(k) == (Let("row", X * 8), Store(y, row, x[row]))


def test_what_a_loop_does_not_change_is_moved_before_it() -> None:
    k, x, y = start()
    total = k.var("total", const(0, I32))
    with k.loop("i", 8) as i, k.when(i < Y), k.loop("j", 8) as j:
        k.add(total, x[X * 8 + i * 4 + j])
    k.store(y, 0, total)
    body = shared(k)
    assert body[1] == Let("base", X * 8)
    (outer,) = (s for s in body if isinstance(s, For))
    (guard,) = outer.body
    assert isinstance(guard, If)
    assert guard.then[0] == Let("base_2", Name(I32, "base") + i * 4)


def test_an_authors_name_moves_out_of_a_loop() -> None:
    k, x, y = start()
    total = k.var("total", const(0, I32))
    with k.loop("i", 8) as i:
        row = k.let("row", X * 8)
        k.add(total, x[row + i])
    k.store(y, 0, total)
    assert [type(s).__name__ for s in shared(k)] == ["Var", "Let", "For", "Store"]


def test_what_reads_a_variable_is_left_alone() -> None:
    k, x, y = start()
    v = k.var("v", X)
    k.store(y, v * 8, x[v * 8])
    k.add(v, 1)
    k.store(y, v * 8, x[v * 8])
    assert lets(shared(k)) == {}


def test_loads_are_shared_where_nothing_writes() -> None:
    k, x, y = start()
    k.store(y, X, x[X] + x[X])
    k.store(y, Y, x[X])
    assert lets(shared(k)) == {"value": x[X]}
    k, x, y = start()
    k.store(y, X, y[X] + 1)
    k.store(y, X, y[X] * 3 + y[X] * 3)
    assert lets(shared(k)) == {}


def test_loads_are_not_moved_to_where_they_did_not_happen() -> None:
    k, x, y = start()
    with k.when(X > 0):
        k.store(y, X, x[X - 1])
    with k.when(X > 1):
        k.store(y, Y, x[X - 1])
    assert lets(shared(k)) == {}
    k, x, y = start()
    k.store(y, X, select(X > 0, x[X - 1], 0))
    k.store(y, Y, select(X > 0, x[X - 1], 1))
    assert lets(shared(k)) == {}
    k, x, y = start()
    with k.loop("i", Y) as i:
        k.store(y, i, x[X * 3])
    assert lets(shared(k)) == {"base": X * 3}


def test_a_division_that_could_be_by_zero_is_not_moved_either() -> None:
    k, _, y = start()
    with k.when(Y > 0):
        k.store(y, X, X / Y)
    with k.when(Y > 1):
        k.store(y, Y, X / Y)
    assert lets(shared(k)) == {}


def test_float_arithmetic_is_not_shared() -> None:
    k = Builder("kernel")
    x, y = k.buffer("x", F32, 8), k.buffer("y", F32, 8, "write")
    a = k.let("a", x[X])
    k.store(y, X, (a * 2.0 + 1.0) * (a * 2.0 + 1.0))
    assert list(lets(shared(k))) == ["a"]


def test_nothing_to_share_is_the_same_kernel() -> None:
    k, _, y = start()
    k.store(y, X, Y)
    kernel: Kernel = k.done((8, 8, 8), (8, 8, 1))
    assert share(kernel) is kernel
