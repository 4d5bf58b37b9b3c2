"""Printed WGSL is accepted by wgpu and computes what the kernel means."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from support.shaders import (
    KERNELS,
    expected,
    inputs,
    named,
    pointwise,
    pointwise_function,
    powers,
    tolerance,
    typed,
)
from support.webgpu import launch, webgpu
from tflgpuc.backends.wgsl import print_wgsl
from tflgpuc.backends.wgsl.access import writable_bindings
from tflgpuc.backends.wgsl.printer import keywords
from tflgpuc.ir.shader import (
    BOOL,
    F32,
    F32X4,
    I32,
    I32X4,
    U32,
    U32X2,
    Builder,
    Expr,
    Kernel,
    Type,
    bitcast,
    call,
    const,
    select,
)
from tflgpuc.ir.shader.expr import binary


def ran(kernel: Kernel, given: dict[str, NDArray[Any]]) -> NDArray[np.uint8]:
    """The bytes of ``dst`` after a dispatch."""
    arrays = [given[b.name].view(np.uint8) for b in kernel.buffers]
    launch(kernel, print_wgsl(kernel), arrays)
    return given["dst"].view(np.uint8)


def printed(*values: Expr) -> str:
    """A kernel that stores these."""
    k = Builder("values")
    for i, value in enumerate(values):
        k.store(k.buffer(f"dst{i}", value.type, 1, "write"), 0, value)
    return print_wgsl(k.done((1, 1, 1), (1, 1, 1)))


def test_golden(golden: Callable[[str, str], None]) -> None:
    golden("pointwise.wgsl", print_wgsl(pointwise(), ["model: none", "ops: conv_2d + relu6"]))


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.name)
def test_modules_compute_what_the_kernel_means(kernel: Kernel) -> None:
    text = print_wgsl(kernel, ["a header"])
    assert not re.search(r"[ \t]$|\n\n\n", text, re.M)
    made, right = typed(kernel, ran(kernel, dict(inputs(kernel)))), expected(kernel)
    off = tolerance(kernel)
    np.testing.assert_allclose(made, right, rtol=off, atol=off)


def test_pow_is_that_of_the_standard_library() -> None:
    x = np.array([-2, -2, -2, -2, 0, 0, 0, -0.5, 1, 2, 2, 3, -1, -3, 0.25, 9], np.float32)
    y = np.array([2, 3, -1, 0.5, 0, 2, -1, 0, 7, -2, 0.5, 3, -5, 4, 1.5, 0.5], np.float32)
    made = ran(powers(F32), {"x": x, "y": y, "dst": np.zeros(16, np.float32)})
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(made.view(np.float32), np.power(x, y), rtol=1e-5)


@pytest.mark.parametrize(("name", "right"), [("erf", math.erf), ("tanh", math.tanh)])
def test_functions_are_accurate_everywhere(name: str, right: Callable[[float], float]) -> None:
    x = np.concatenate([np.linspace(-5, 5, 1000), [0, 88, -89, 200, -1e30, 1e-20] * 4]).astype("f4")
    kernel = pointwise_function(name, x.size)
    made = ran(kernel, {"src": x, "dst": np.zeros(x.size, np.float32)}).view(np.float32)
    np.testing.assert_allclose(made, [right(v) for v in x.tolist()], rtol=0, atol=1e-6)


def test_nan_is_found_by_its_bits() -> None:
    k = Builder("nans")
    src, dst = k.buffer("src", F32X4, 2), k.buffer("dst", F32X4, 2, "write")
    k.store(dst, k.gid(0), select(call("isnan", src[k.gid(0)]), const(1.0, F32X4), 0.0))
    kernel = k.done((2, 1, 1), (2, 1, 1))
    x = np.array([math.nan, -math.nan, math.inf, -math.inf, 0, -0.0, 3.4e38, 1e-45], np.float32)
    made = ran(kernel, {"src": x, "dst": np.zeros(8, np.float32)}).view(np.float32)
    np.testing.assert_array_equal(made, np.isnan(x))


def test_every_reserved_word_may_be_an_authors_name() -> None:
    text = print_wgsl(named(sorted(keywords())))
    assert "let vec4f_1 = " in text
    webgpu().compile("named", text)


@pytest.mark.parametrize(
    ("value", "type", "text"),
    [
        (0.5, F32, "0.5"),
        (0.5, Type("f16", 4), "vec4f(0.5)"),
        (math.inf, F32, "f32_of(0x7f800000u)"),
        (-math.inf, F32X4, "vec4f(f32_of(0xff800000u))"),
        (math.nan, F32, "f32_of(0x7fc00000u)"),
        (-(2**31), I32, "(-2147483647 - 1)"),
        (True, BOOL, "true"),
    ],
)
def test_literals(value: float, type: Type, text: str) -> None:
    k = Builder("literal")
    k.let("x", const(value, type))
    assert f"let x = {text};" in print_wgsl(k.done((1, 1, 1), (1, 1, 1)))


def test_no_compiler_evaluates_what_it_would_refuse() -> None:
    """Literals of which the result overflows, or has no value."""
    zero, least = const(0.0, F32X4), const(-(2**31), I32)
    values = [
        const(1.0, F32) / const(0.0, F32),
        const(3e38, F32) * const(10.0, F32),
        call("log", zero - 1.0),
        call("sqrt", const(-1.0, F32)),
        least - 1,
        binary("/", const(7, I32X4), const(0, I32X4)),
        const(0, U32) - 1,
        const(-1, I32) << 31,
        bitcast(const(-1, I32), "f32"),
        bitcast(const(0x7F800000, U32), "f32"),
    ]
    for value in values:
        webgpu().compile("literals", printed(value))


def test_a_literal_divisor_of_zero_gives_the_dividend() -> None:
    k = Builder("division")
    src, dst = k.buffer("src", I32, 4), k.buffer("dst", I32, 8, "write")
    at = k.let("at", k.gid(0))
    k.store(dst, at, src[at] // 0)
    k.store(dst, at + 4, src[at] % 0)
    x = np.array([-7, 0, 5, 2**31 - 1], np.int32)
    kernel = k.done((4, 1, 1), (4, 1, 1))
    made = ran(kernel, {"src": x, "dst": np.full(8, -1, np.int32)}).view(np.int32)
    np.testing.assert_array_equal(made, [*x, 0, 0, 0, 0])


def test_shifts_are_unsigned_and_never_chained() -> None:
    k = Builder("shifts")
    src, dst = k.buffer("src", I32, 2), k.buffer("dst", I32, 2, "write")
    x = k.let("x", src[k.gid(0)])
    k.store(dst, k.gid(0), ((x << 24) >> 24) >> (x & 7))
    kernel = k.done((2, 1, 1), (2, 1, 1))
    assert "((x << 24u) >> 24u) >> u32(x & 7)" in print_wgsl(kernel)
    made = ran(kernel, {"src": np.array([-3, 0x1F5], np.int32), "dst": np.zeros(2, np.int32)})
    np.testing.assert_array_equal(made.view(np.int32), [-3 >> 5, -11 >> 5])


def test_comparisons_are_no_templates() -> None:
    """In ``f(a < b, c > d)`` stands a template of b and c."""
    k = Builder("comparisons")
    src, dst = k.buffer("src", I32, 4), k.buffer("dst", I32, 1, "write")
    a, b, c, d = (k.let(name, src[i]) for i, name in enumerate("abcd"))
    k.store(dst, 0, select(select(a.eq(d), c > d, a < b), const(3, I32), 4))
    kernel = k.done((1, 1, 1), (1, 1, 1))
    assert "select((a < b), c > d, a == d)" in print_wgsl(kernel)
    made = ran(kernel, {"src": np.arange(4, dtype=np.int32), "dst": np.zeros(1, np.int32)})
    assert made.view(np.int32) == [3]


def test_bools_in_memory_take_32_bits_as_in_glsl() -> None:
    k = Builder("truths")
    src, dst = k.buffer("src", BOOL, 4), k.buffer("dst", BOOL, 4, "write")
    k.store(dst, k.gid(0), ~src[k.gid(0)])
    kernel = k.done((4, 1, 1), (4, 1, 1))
    assert "var<storage, read> src: array<u32>;" in print_wgsl(kernel)
    made = ran(kernel, {"src": np.array([0, 1, 1, 0], np.int32), "dst": np.full(4, -1, np.int32)})
    np.testing.assert_array_equal(made.view(np.int32), [1, 0, 0, 1])


def test_two_lanes_of_helpers() -> None:
    k = Builder("pairs")
    src, dst = k.buffer("src", U32X2, 1), k.buffer("dst", U32X2, 1, "write")
    x = k.let("x", bitcast(src[0], "f32"))
    k.store(dst, 0, bitcast(call("erf", call("pow", x, 2.0)), "u32"))
    kernel = k.done((1, 1, 1), (1, 1, 1))
    x2 = np.array([-0.5, 1.5], np.float32)
    made = ran(kernel, {"src": x2, "dst": np.zeros(2, np.float32)}).view(np.float32)
    np.testing.assert_allclose(made, [math.erf(0.25), math.erf(2.25)], rtol=1e-5)


def test_a_buffer_that_is_not_used_is_bound_all_the_same() -> None:
    k = Builder("unused")
    k.buffer("src", F32, 4)
    k.store(k.buffer("dst", F32, 4, "write"), k.gid(0), const(2.0, F32))
    kernel = k.done((4, 1, 1), (4, 1, 1))
    assert "_ = &src;" in print_wgsl(kernel)
    made = ran(kernel, {"src": np.zeros(4, np.float32), "dst": np.zeros(4, np.float32)})
    np.testing.assert_array_equal(made.view(np.float32), 2)


def test_bindings_may_be_writable_that_the_kernel_only_reads() -> None:
    text = print_wgsl(pointwise("f32"), writable={0})
    assert "var<storage, read_write> src:" in text
    assert "var<storage, read> weights:" in text


def test_what_is_read_beside_a_write_to_its_buffer_is_writable() -> None:
    def step(program: str, *buffers: str) -> dict[str, Any]:
        bindings = [{"buffer": b} for b in buffers]
        return {"type": "dispatch", "program": program, "bindings": bindings}

    def program(name: str) -> dict[str, Any]:
        access = ("write", "read", "read")
        return {
            "name": name,
            "bindings": [{"binding": i, "access": a} for i, a in enumerate(access)],
        }

    manifest = {
        "programs": [program("a"), program("b")],
        "steps": [
            # Where it is launched again, what shares an input's buffer has to follow.
            step("a", "output", "input", "input"),
            step("a", "arena", "arena", "weights"),
            step("b", "output", "input", "weights"),
            {"type": "segment"},
        ],
    }
    assert writable_bindings(manifest) == {"a": {0, 1, 2}, "b": {0}}


def test_helpers_only_where_used() -> None:
    assert "half4" not in print_wgsl(pointwise("f32"))
    text = print_wgsl(pointwise("f16"))
    assert text.count("fn unpack_half4(v: vec2u)") == 1
    assert not re.search("pow_signed|erf_approx|f32_of", text)


def test_headers_cannot_reach_the_code() -> None:
    text = print_wgsl(pointwise(), ["ops: a\nb", "ends in \\"])
    assert text.startswith("// ops: a b\n// ends in /\n@group(0)")
