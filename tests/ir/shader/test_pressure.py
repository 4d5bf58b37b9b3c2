"""Live vec4s of kernels small enough to count by hand, and loops that have to stay loops."""

from __future__ import annotations

import numpy as np
import pytest

from tflgpuc.backends.glsl import print_glsl
from tflgpuc.backends.glsl.reader import read
from tflgpuc.backends.msl import print_msl
from tflgpuc.ir.shader import F32X4, Builder, For, Kernel, const
from tflgpuc.ir.shader.interpret import interpret
from tflgpuc.ir.shader.pressure import live_scalars, pressure
from tflgpuc.ir.shader.rolling import keep_loops
from tflgpuc.ir.shader.stmt import walk_stmts


def loops(kernel: Kernel) -> list[For]:
    return [s for s in walk_stmts(kernel.body) if isinstance(s, For)]


def pooling(rows: int, columns: int) -> Kernel:
    """The sum of rows x columns vec4s."""
    k = Builder("pooling")
    x = k.buffer("x", F32X4, rows * columns)
    y = k.buffer("y", F32X4, 1, "write")
    acc = k.var("acc", const(0.0, F32X4))
    with k.loop("ky", rows) as ky, k.loop("kx", columns) as kx:
        k.add(acc, x[ky * columns + kx])
    k.store(y, k.gid(0), acc)
    return k.done((1, 1, 1), (1, 1, 1))


def test_names_live_from_their_value_to_their_last_use() -> None:
    k = Builder("names")
    x, y = k.buffer("x", F32X4, 8), k.buffer("y", F32X4, 8, "write")
    for n in range(3):
        k.store(y, n, k.let(f"v{n}", x[n]))
    assert live_scalars(k.done((1, 1, 1))) == 4
    k = Builder("names")
    x, y = k.buffer("x", F32X4, 8), k.buffer("y", F32X4, 8, "write")
    place = k.let("place", k.gid(0) * 4)
    values = [k.let(f"v{n}", x[place + n]) for n in range(3)]
    for n, value in enumerate(values):
        k.store(y, place + n, value)
    # Three vec4s and where they go.
    assert live_scalars(k.done((1, 1, 1))) == 13


def test_what_a_statement_loads_is_alive_together() -> None:
    k = Builder("loads")
    x, y = k.buffer("x", F32X4, 8), k.buffer("y", F32X4, 8, "write")
    k.store(y, 0, x[0] + x[1] + x[1] + x[2])
    assert pressure(k.done((1, 1, 1))) == 3


def test_loops_keep_what_the_next_trip_reads() -> None:
    k = Builder("loop")
    x, y = k.buffer("x", F32X4, 8), k.buffer("y", F32X4, 8, "write")
    kept = k.let("kept", x[7])
    acc = k.var("acc", const(0.0, F32X4))
    with k.loop("i", 4) as i:
        k.add(acc, kept * 2.0)
        k.add(acc, x[i])
    k.store(y, 0, acc)
    # The sum, what it multiplies, what it loads, and the counter.
    assert live_scalars(k.done((1, 1, 1))) == 13


def test_what_does_not_change_in_a_loop_is_alive_all_through_it() -> None:
    def kernel(inside: bool) -> Kernel:
        k = Builder("invariant")
        x, y = k.buffer("x", F32X4, 80), k.buffer("y", F32X4, 8, "write")
        row = k.let("row", k.gid(0))
        acc = k.var("acc", const(0.0, F32X4))
        with k.loop("i", 8) as i:
            at = k.let("at", (row if inside else i) * 8)
            k.add(acc, x[at + i])
            k.add(acc, x[i] + x[i + 1])
        k.store(y, 0, acc)
        return k.done((1, 1, 1))

    assert live_scalars(kernel(True)) == live_scalars(kernel(False)) + 1


def test_loops_that_would_spill_when_unrolled_stay_loops() -> None:
    kernel = pooling(7, 7)
    outer, inner = loops(keep_loops(kernel, 15))
    assert (outer.rolled, inner.rolled) == (True, False)
    assert not any(s.rolled for s in loops(keep_loops(kernel, 60)))
    # Where an inner loop stays, the outer one can't become straight code.
    outer, inner = loops(keep_loops(pooling(2, 20), 15))
    assert (outer.rolled, inner.rolled) == (False, True)


def test_long_loops_are_left_alone() -> None:
    assert not any(s.rolled for s in loops(keep_loops(pooling(1, 1000), 15)))


@pytest.mark.parametrize("registers", [15, 60])
def test_rolled_loops_are_printed_and_read_back(registers: float) -> None:
    kernel = keep_loops(pooling(7, 7), registers)
    text = print_glsl(kernel)
    assert ("rolled(7)" in text) == (registers == 15)
    again = read(text)
    assert [s.rolled for s in loops(again)] == [s.rolled for s in loops(kernel)]
    assert print_glsl(again) == text
    x = np.arange(196, dtype=np.float32).reshape(49, 4)
    y = np.zeros((1, 4), np.float32)
    interpret(kernel, {"x": x.reshape(-1).view(np.uint8), "y": y.reshape(-1).view(np.uint8)})
    assert y.tolist() == [x.sum(axis=0).tolist()]
    metal = print_msl([(kernel, ())])
    assert ("#pragma clang loop unroll(disable)\n" in metal) == (registers == 15)
