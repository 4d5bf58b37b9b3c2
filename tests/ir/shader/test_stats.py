"""Counted flops, accesses and registers of kernels small enough to count by hand."""

from __future__ import annotations

from tflgpuc.ir.shader import F32, F32X4, I32, Builder, Kernel, call, const, splat
from tflgpuc.ir.shader.stats import Stats, Traffic, stats


def convolution() -> Kernel:
    k = Builder("convolution")
    x = k.buffer("x", F32X4, 64, storage="f16")
    w = k.buffer("w", F32X4, 64)
    y = k.buffer("y", F32X4, 64, "write")
    tile = k.shared("tile", F32X4, 32)
    acc = k.var("acc", const(0.0, F32X4))
    with k.when(k.gid(0) < 10):
        with k.loop("i", 5) as i:
            value = k.let("value", x[i])
            k.add(acc, value.lane(0) * w[i] + tile[i])
        k.store(y, k.gid(0), acc)
    with k.otherwise():
        k.store(y, k.gid(0), acc * 2.0)
    return k.done((10, 3, 1), (8, 1, 1))


def test_totals_over_the_grid() -> None:
    made = stats(convolution())
    assert made == Stats(
        # A multiply, an add and += of four lanes, five times, in 30 invocations.
        flops=30 * 5 * 12,
        loads=30 * 10,
        stores=30,
        load_bytes=30 * 5 * (8 + 16),
        store_bytes=30 * 16,
        buffers=(
            Traffic("x", 150, 0, 150 * 8, 0),
            Traffic("w", 150, 0, 150 * 16, 0),
            Traffic("y", 0, 30, 0, 30 * 16),
        ),
        registers=8,
        shared_bytes=32 * 16,
        shared_accesses=30 * 5,
        invocations=30,
    )


def test_flops_of_calls_and_loops() -> None:
    k = Builder("calls")
    x, y = k.buffer("x", F32X4, 8), k.buffer("y", F32, 8, "write")
    with k.loop("i", 7, step=2) as i, k.loop("j", i) as j:
        k.store(y, i + j, call("dot", x[i], x[j]) + k.to_float(i * 4 + j))
    # Four trips; what isn't known counts once. A dot product is four multiplies and three adds.
    assert stats(k.done((1, 1, 1))).flops == 4 * 8


def test_loops_with_bounds_that_are_only_about_known() -> None:
    k = Builder("loops")
    x, y = k.buffer("x", F32X4, 99), k.buffer("y", F32X4, 99, "write")
    # Eight invocations share twenty items, so the busiest has three.
    with k.loop("item", 20, k.gid(0), 8) as i:
        k.store(y, i, x[i] * 2.0)
    with k.loop("chunk", 3) as chunk, k.loop("i", call("min", 11 - chunk * 5, 5)) as i:
        k.store(y, i, x[i] * 2.0)
    made = stats(k.done((8, 1, 1), (8, 1, 1)))
    assert made.loads == made.stores == 8 * (3 + 3 * 5)


def test_registers_are_what_is_alive_at_once() -> None:
    k = Builder("registers")
    x, y = k.buffer("x", F32X4, 8), k.buffer("y", F32X4, 8, "write")
    k.let("place", k.gid(0) * 4)
    for n in range(3):
        k.store(y, n, k.let(f"v{n}", x[n]))
    assert stats(k.done((1, 1, 1))).registers == 4
    k = Builder("registers")
    x, y = k.buffer("x", F32X4, 8), k.buffer("y", F32X4, 8, "write")
    kept = [k.let(f"v{n}", x[n]) for n in range(3)]
    scale = k.let("scale", x[3].lane(0))
    k.store(y, 0, kept[0] + kept[1] + kept[2] + splat(scale, 4))
    assert stats(k.done((1, 1, 1))).registers == 13


def test_what_a_loop_reads_lives_until_it_ends() -> None:
    k = Builder("registers")
    x, y = k.buffer("x", F32X4, 8), k.buffer("y", F32X4, 8, "write")
    early = k.let("early", x[0])
    with k.loop("i", const(4, I32)) as i:
        k.store(y, i, early)
        k.store(y, i, k.let("late", x[1]))
    k.store(y, 0, k.let("after", x[2]))
    assert stats(k.done((1, 1, 1))).registers == 8
