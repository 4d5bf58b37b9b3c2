"""What a kernel means, one feature of the shader IR at a time."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tflgpuc.ir.errors import KernelError
from tflgpuc.ir.shader import (
    BOOL,
    F32,
    F32X4,
    I32,
    U32,
    Builder,
    Expr,
    Type,
    bitcast,
    call,
    compose,
    const,
    convert,
    select,
    splat,
)
from tflgpuc.ir.shader.interpret import interpret

Array = NDArray[Any]


def run(kernel: Any, strict: bool = False, **arrays: Array) -> None:
    """Interprets with each array bound to the buffer of its name; written in place."""
    interpret(kernel, {n: a.reshape(-1).view(np.uint8) for n, a in arrays.items()}, strict)


def unary_kernel(element: Type, wanted: Type, f: Callable[[Expr], Expr], count: int) -> Any:
    k = Builder("unary")
    x = k.buffer("x", element, count)
    y = k.buffer("y", wanted, count, "write")
    at = k.let("at", k.gid(0))
    with k.when(at < count):
        k.store(y, at, f(x[at]))
    return k.done((count, 1, 1), (8, 1, 1))


def mapped(x: Array, element: Type, wanted: Type, f: Callable[[Expr], Expr]) -> Array:
    """A function of one value, over an array of them."""
    dtype = {"f32": np.float32, "i32": np.int32, "u32": np.uint32, "bool": np.int32}[wanted.scalar]
    y = np.zeros((len(x), wanted.lanes), dtype)
    run(unary_kernel(element, wanted, f, len(x)), x=x, y=y)
    return y[:, 0] if wanted.lanes == 1 else y


def test_invocations_past_the_grid_exist_and_are_guarded() -> None:
    k = Builder("copy")
    x, y = k.buffer("x", F32, 10), k.buffer("y", F32, 10, "write")
    with k.when(k.gid(0) < 10):
        k.store(y, k.gid(0), x[k.gid(0)] + 1.0)
    source, made = np.arange(10, dtype=np.float32), np.zeros(10, np.float32)
    run(k.done((10, 1, 1), (8, 1, 1)), x=source, y=made)
    np.testing.assert_array_equal(made, source + 1)

    k = Builder("unguarded")
    y = k.buffer("y", F32, 10, "write")
    k.store(y, k.gid(0), const(1.0, F32))
    with pytest.raises(
        KernelError, match=r"kernel unguarded: test_interpret.py:\d+: writes y\[10\]"
    ):
        run(k.done((10, 1, 1), (8, 1, 1)), y=made)


def test_reads_outside_of_a_buffer_raise_where_an_invocation_runs() -> None:
    def shifted(guard: bool) -> Any:
        k = Builder("shift")
        x, y = k.buffer("x", F32, 8), k.buffer("y", F32, 8, "write")
        with k.when(k.gid(0) > 0 if guard else const(True, BOOL)):
            k.store(y, k.gid(0), x[k.gid(0) - 1])
        return k.done((8, 1, 1), (8, 1, 1))

    x, y = np.arange(8, dtype=np.float32), np.full(8, -1, np.float32)
    run(shifted(True), x=x, y=y)
    np.testing.assert_array_equal(y, [-1, 0, 1, 2, 3, 4, 5, 6])
    with pytest.raises(KernelError, match=r"shift: test_interpret.py:\d+: reads x\[-1\] of 8"):
        run(shifted(False), x=x, y=y)


def test_what_is_bound_decides_the_size_and_must_be_bound() -> None:
    k = Builder("fill")
    y = k.buffer("y", F32, 0, "write")
    k.store(y, k.gid(0), const(2.0, F32))
    kernel = k.done((4, 1, 1), (4, 1, 1))
    made = np.zeros(4, np.float32)
    run(kernel, y=made)
    np.testing.assert_array_equal(made, 2)
    with pytest.raises(KernelError, match="nothing is bound to y"):
        run(kernel)


@pytest.mark.parametrize("columns", [5, 40_000])
def test_a_grid_of_three_axes_in_one_chunk_or_many(columns: int) -> None:
    k = Builder("place")
    y = k.buffer("y", I32, 0, "write")
    inside = (k.gid(0) < columns) & (k.gid(1) < 3)
    with k.when(inside):
        k.store(y, (k.gid(2) * 3 + k.gid(1)) * columns + k.gid(0), k.gid(0) + k.gid(2) * 100_000)
    made = np.zeros((2, 3, columns), np.int32)
    run(k.done((columns, 3, 2), (4, 2, 1)), strict=True, y=made)
    wanted = np.arange(columns) + 100_000 * np.arange(2)[:, None, None]
    np.testing.assert_array_equal(made, np.broadcast_to(wanted, made.shape))


def test_loops_with_equal_and_with_differing_bounds() -> None:
    k = Builder("triangle")
    y = k.buffer("y", I32, 6, "write")
    total = k.var("total", const(0, I32))
    with k.loop("i", 10, start=1, step=3) as i:
        k.add(total, i)
    with k.loop("j", k.gid(0)) as j:
        k.add(total, j * 100)
    k.store(y, k.gid(0), total)
    made = np.zeros(6, np.int32)
    run(k.done((6, 1, 1), (6, 1, 1)), y=made)
    np.testing.assert_array_equal(made, [1 + 4 + 7 + 100 * sum(range(n)) for n in range(6)])


def test_both_sides_of_a_branch_under_a_branch() -> None:
    k = Builder("branches")
    y = k.buffer("y", F32X4, 8, "write")
    at = k.let("at", k.gid(0))
    v = k.var("v", const(0.0, F32X4))
    with k.when(at < 6):
        inner = k.var("inner", const(1.0, F32X4))
        with k.when((at % 2).eq(0)):
            k.add(inner, 10.0)
            k.assign(inner, inner * 2.0)
        with k.otherwise():
            k.assign(inner, compose(*(k.to_float(at + i) for i in range(4))))
        k.assign(v, inner, "+")
    with k.otherwise():
        k.assign(v, -1.0)
    k.store(y, at, v)
    made = np.zeros((8, 4), np.float32)
    run(k.done((8, 1, 1), (8, 1, 1)), y=made)
    wanted = [
        [-1] * 4 if n >= 6 else [22] * 4 if n % 2 == 0 else [n, n + 1, n + 2, n + 3]
        for n in range(8)
    ]
    np.testing.assert_array_equal(made, wanted)


def test_a_name_keeps_its_value_when_the_variable_changes() -> None:
    k = Builder("snapshot")
    x, y = k.buffer("x", F32X4, 4), k.buffer("y", F32X4, 4, "write")
    v = k.var("v", x[k.gid(0)])
    before = k.let("before", v)
    first = k.let("first", v.lane(0))
    copy = k.var("copy", v)
    k.add(v, 1.0)
    k.add(copy, 10.0)
    k.store(y, k.gid(0), v * 100.0 + before + first + copy)
    source = np.arange(16, dtype=np.float32).reshape(4, 4)
    made = np.zeros_like(source)
    run(k.done((4, 1, 1), (4, 1, 1)), x=source, y=made)
    np.testing.assert_array_equal(made, (source + 1) * 100 + source + source[:, :1] + (source + 10))


def test_a_variable_that_nothing_set_is_nan() -> None:
    k = Builder("unset")
    y = k.buffer("y", F32, 4, "write")
    v = k.var("v", F32)
    with k.when(k.gid(0) < 2):
        k.assign(v, 1.0)
    k.store(y, k.gid(0), v)
    made = np.zeros(4, np.float32)
    run(k.done((4, 1, 1), (4, 1, 1)), y=made)
    np.testing.assert_array_equal(made, [1, 1, math.nan, math.nan])


def test_a_work_group_reduces_in_shared_memory() -> None:
    k = Builder(
        "sum",
    )
    x, y = k.buffer("x", F32, 24), k.buffer("y", F32, 3, "write")
    partial = k.shared("partial", F32, 8)
    me = k.let("me", k.lid(0))
    k.store(partial, me, x[k.gid(0)])
    k.barrier()
    for half in (4, 2, 1):
        with k.when(me < half):
            k.store(partial, me, partial[me] + partial[me + half])
        k.barrier()
    with k.when(me.eq(0)):
        k.store(y, k.group(0), partial[0])
    source, made = np.arange(24, dtype=np.float32), np.zeros(3, np.float32)
    run(k.done((24, 1, 1), (8, 1, 1)), strict=True, x=source, y=made)
    np.testing.assert_array_equal(made, source.reshape(3, 8).sum(1))


def test_shared_memory_ends_where_it_was_declared_to() -> None:
    k = Builder("beyond")
    tile = k.shared("tile", F32, 4)
    k.store(tile, k.lid(0) + 1, const(0.0, F32))
    with pytest.raises(KernelError, match=r"writes tile\[4\] of 4 elements"):
        run(k.done((8, 1, 1), (4, 1, 1)))


def test_half_storage_rounds_values_that_are_f32_otherwise() -> None:
    k = Builder("halves")
    x = k.buffer("x", F32X4, 2, storage="f16")
    y = k.buffer("y", F32X4, 2, "write", storage="f16")
    wide = k.buffer("wide", F32X4, 2, "write")
    value = k.let("value", x[k.gid(0)] * (1.0 + 2.0**-12))
    k.store(y, k.gid(0), value)
    k.store(wide, k.gid(0), value)
    source = np.array([[1, 2, 3, 4], [1e-7, 0.1, -0.0, 60000]], np.float16)
    made, kept = np.zeros_like(source), np.zeros((2, 4), np.float32)
    run(k.done((2, 1, 1), (2, 1, 1)), x=source, y=made, wide=kept)
    exact = source.astype(np.float32) * np.float32(1 + 2.0**-12)
    np.testing.assert_array_equal(kept, exact)
    np.testing.assert_array_equal(made, exact.astype(np.float16))
    assert (kept != made).any()


def test_integers_divide_towards_zero_and_wrap() -> None:
    numbers = np.array([-7, -1, 0, 1, 7, 2**31 - 1], np.int32)
    for d in (-3, 3):
        quotients = mapped(numbers, I32, I32, lambda v, d=d: v // d)  # type: ignore[misc]
        np.testing.assert_array_equal(quotients, [math.trunc(n / d) for n in numbers.tolist()])
        rests = mapped(numbers, I32, I32, lambda v, d=d: v % d)  # type: ignore[misc]
        np.testing.assert_array_equal(rests, [int(math.fmod(n, d)) for n in numbers.tolist()])
    np.testing.assert_array_equal(
        mapped(numbers, I32, I32, lambda v: v + 1), [-6, 0, 1, 2, 8, -(2**31)]
    )
    shifted = mapped(numbers, I32, I32, lambda v: (v >> 1) ^ (v & 5))
    np.testing.assert_array_equal(shifted, [(n >> 1) ^ (n & 5) for n in numbers.tolist()])
    np.testing.assert_array_equal(
        mapped(numbers.view(np.uint32), U32, U32, lambda v: v >> 28), [15, 15, 0, 0, 0, 7]
    )


def test_assigning_with_an_operator_is_the_operator() -> None:
    k = Builder("compound")
    y = k.buffer("y", I32, 4, "write")
    v = k.var("v", k.gid(0) - 6)
    k.assign(v, 4, "/")
    k.store(y, k.gid(0), v)
    made = np.zeros(4, np.int32)
    run(k.done((4, 1, 1), (4, 1, 1)), y=made)
    np.testing.assert_array_equal(made, [-1, -1, -1, 0])


def test_floats_become_integers_by_truncation_within_range() -> None:
    numbers = np.array([-1.5, -0.5, 0.5, 1.5, 3e9, -3e9, math.nan], np.float32)
    np.testing.assert_array_equal(
        mapped(numbers, F32, I32, lambda v: convert(v, "i32")),
        [-1, 0, 0, 1, 2**31 - 1, -(2**31), 0],
    )
    np.testing.assert_array_equal(
        mapped(numbers[2:5], F32, U32, lambda v: convert(v, "u32")), [0, 1, 3_000_000_000]
    )
    np.testing.assert_array_equal(
        mapped(numbers[:4], F32, I32, lambda v: bitcast(v, "i32")), numbers[:4].view(np.int32)
    )
    bits = np.array([2**31, 2**32 - 1], np.uint32)
    np.testing.assert_array_equal(
        mapped(bits, U32, I32, lambda v: convert(v, "i32")), [-(2**31), -1]
    )


def test_comparisons_are_bools_that_memory_keeps_as_integers() -> None:
    numbers = np.array([-1, 0, 1], np.int32)
    for name in ("lt", "le", "gt", "ge"):
        f = getattr(operator, name)
        made = mapped(numbers, I32, BOOL, lambda v, f=f: f(v, 0))  # type: ignore[misc]
        np.testing.assert_array_equal(made, f(numbers, 0).astype(np.int32))
    made = mapped(numbers, BOOL, BOOL, lambda v: ~v)
    np.testing.assert_array_equal(made, [0, 1, 0])


ROUGH = np.array([-2.5, -1.5, -0.3, 0.0, 0.5, 1.5, 30.0], np.float32)


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        ("abs", abs),
        ("ceil", math.ceil),
        ("erf", math.erf),
        ("exp", math.exp),
        ("floor", math.floor),
        ("isnan", lambda v: 0),
        ("round_even", round),
        ("sign", lambda v: (v > 0) - (v < 0)),
        ("tanh", math.tanh),
        ("trunc", math.trunc),
    ],
)
def test_functions_of_one_argument(function: str, wanted: Callable[[float], float]) -> None:
    kind = BOOL if function == "isnan" else F32
    made = mapped(ROUGH, F32, kind, lambda v: call(function, v))
    np.testing.assert_allclose(made, [wanted(v) for v in ROUGH.tolist()], rtol=1e-6, atol=1e-7)


def test_functions_of_several_arguments() -> None:
    np.testing.assert_array_equal(
        mapped(ROUGH, F32, F32, lambda v: call("clamp", v, -1.0, 1.0)), ROUGH.clip(-1, 1)
    )
    np.testing.assert_allclose(
        mapped(ROUGH[3:], F32, F32, lambda v: call("pow", v, 2.0)), ROUGH[3:] ** 2
    )
    np.testing.assert_allclose(
        mapped(ROUGH, F32, F32, lambda v: call("atan2", v, -1.0)), np.arctan2(ROUGH, -1)
    )
    np.testing.assert_allclose(
        mapped(ROUGH[4:], F32, F32, lambda v: call("rsqrt", v)), ROUGH[4:] ** -0.5, rtol=1e-6
    )
    # All lanes equal is kept as one, and still counts four times.
    np.testing.assert_array_equal(
        mapped(ROUGH, F32, F32, lambda v: call("dot", splat(v, 4), const(2.0, F32X4))), ROUGH * 8
    )


def test_select_lane_by_lane_or_whole() -> None:
    x = np.array([[1, -2, 3, -4], [-1, 2, -3, 4]], np.float32)
    np.testing.assert_array_equal(
        mapped(x, F32X4, F32X4, lambda v: select(v > 0.0, v, v * 10.0)),
        np.where(x > 0, x, x * 10),
    )
    np.testing.assert_array_equal(
        mapped(x, F32X4, F32X4, lambda v: select(v.lane(0) > 0.0, v, 7.0)),
        np.where(x[:, :1] > 0, x, 7),
    )


def test_strict_finds_races() -> None:
    k = Builder("race")
    y = k.buffer("y", I32, 4, "write")
    k.store(y, k.gid(0) // 2, k.gid(0))
    kernel = k.done((8, 1, 1), (8, 1, 1))
    run(kernel, y=np.zeros(4, np.int32))
    with pytest.raises(KernelError, match="several invocations write one element of y"):
        run(kernel, strict=True, y=np.zeros(4, np.int32))
