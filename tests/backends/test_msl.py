"""Printed MSL compiles without a warning and computes what the kernel means."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

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
from tflgpuc.backends.msl import print_msl
from tflgpuc.backends.msl.printer import keywords
from tflgpuc.backends.runtime.msl import MslLibrary, check, find_clang
from tflgpuc.ir.errors import DeviceError, KernelError
from tflgpuc.ir.shader import BOOL, F32, F32X4, Builder, Kernel, Type, call, const, select

RENAMED = [replace(k, name=f"{k.name}_{i}") for i, k in enumerate(KERNELS)]


@pytest.fixture(scope="module", autouse=True)
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of these tests' own, so that each run compiles anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def need_clang() -> None:
    try:
        find_clang()
    except DeviceError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def library(compiler: Path) -> MslLibrary:
    need_clang()
    return MslLibrary(print_msl([(k, []) for k in RENAMED]))


def strict(text: str) -> None:
    need_clang()
    assert check(text) == ""


def ran(
    library: MslLibrary, kernel: Kernel, given: dict[str, NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    """The bytes of ``dst`` after a dispatch."""
    buffers = {i: (given[b.name], 0) for i, b in enumerate(kernel.buffers)}
    library.dispatch(kernel.name, buffers, kernel.groups, kernel.size)
    return given["dst"]


def test_golden(golden: Callable[[str, str], None]) -> None:
    kernels = [(pointwise(), ["ops: conv_2d + relu6"])]
    golden("pointwise.metal", print_msl(kernels, ["model: none"]))


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.name)
def test_clang_accepts_every_node(kernel: Kernel) -> None:
    text = print_msl([(kernel, ["a header"])])
    assert not re.search(r"[ \t]$|\n\n\n", text, re.M)
    strict(text)


@pytest.mark.parametrize("kernel", RENAMED, ids=lambda k: k.name)
def test_functions_compute_what_the_kernel_means(library: MslLibrary, kernel: Kernel) -> None:
    made, right = typed(kernel, ran(library, kernel, inputs(kernel))), expected(kernel)
    off = tolerance(kernel)
    np.testing.assert_allclose(made, right, rtol=off, atol=off)


def test_pow_is_that_of_the_standard_library() -> None:
    need_clang()
    kernel = powers(F32)
    x = np.array([-2, -2, -2, -2, 0, 0, 0, -0.5, 1, 2, 2, 3, -1, -3, 0.25, 9], np.float32)
    y = np.array([2, 3, -1, 0.5, 0, 2, -1, 0, 7, -2, 0.5, 3, -5, 4, 1.5, 0.5], np.float32)
    given = {"x": x, "y": y, "dst": np.zeros(16, np.float32)}
    made = ran(
        MslLibrary(print_msl([(kernel, [])])), kernel, {n: v.view("u1") for n, v in given.items()}
    )
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(made.view(np.float32), np.power(x, y), rtol=1e-6)


def test_erf_is_accurate_everywhere() -> None:
    need_clang()
    x = np.concatenate([np.linspace(-5, 5, 1000), [0, 88, -89, 200, -1e30, 1e-20] * 4]).astype("f4")
    kernel = pointwise_function("erf", x.size)
    given = {"src": x.view(np.uint8), "dst": np.zeros(x.size * 4, np.uint8)}
    made = ran(MslLibrary(print_msl([(kernel, [])])), kernel, given).view(np.float32)
    np.testing.assert_allclose(made, [math.erf(v) for v in x.tolist()], rtol=0, atol=1e-6)


def test_nan_is_found_without_isnan() -> None:
    """Fast maths folds isnan() to false, so the bits are looked at."""
    k = Builder("nans")
    src, dst = k.buffer("src", F32X4, 2), k.buffer("dst", F32X4, 2, "write")
    k.store(dst, k.gid(0), select(call("isnan", src[k.gid(0)]), const(1.0, F32X4), 0.0))
    kernel = k.done((2, 1, 1), (2, 1, 1))
    text = print_msl([(kernel, [])])
    assert "isnan(" not in text
    need_clang()
    x = np.array([math.nan, -math.nan, math.inf, -math.inf, 0, -0.0, 3.4e38, 1e-45], np.float32)
    given = {"src": x.view(np.uint8), "dst": np.zeros(32, np.uint8)}
    made = ran(MslLibrary(text), kernel, given).view(np.float32)
    np.testing.assert_array_equal(made, np.isnan(x))


def test_one_file_of_several_kernels_shares_its_helpers() -> None:
    first = powers(F32)
    text = print_msl([(first, []), (replace(first, name="again"), [])], ["one file"])
    assert text.count("inline float pow_signed(") == 1
    assert text.index("pow_signed") < text.index("kernel void powers(")
    assert text.index("kernel void powers(") < text.index("kernel void again(")
    assert "erf_approx" not in text
    assert text.startswith("// one file\n#include <metal_stdlib>\n")


def test_only_the_places_that_are_used_are_arguments() -> None:
    text = print_msl([(pointwise(), [])])
    assert "uint3 gid [[thread_position_in_grid]])" in text
    assert "[[thread_position_in_threadgroup]]" not in text
    assert "[[threadgroup_position_in_grid]]" not in text


def test_every_reserved_word_may_be_an_authors_name() -> None:
    text = print_msl([(named(sorted(keywords())), [])])
    assert "const int float4_1 = " in text
    strict(text)


def test_no_name_hides_a_function_of_the_file() -> None:
    text = print_msl([(named(["helper", "named"]), [])])
    assert "const int named_1 = " in text


@pytest.mark.parametrize("name", ["kernel", "3x3", "a b", "größe", ""])
def test_names_that_no_function_can_have_are_refused(name: str) -> None:
    kernel = replace(pointwise(), name=name)
    with pytest.raises(KernelError, match="can't name a function"):
        print_msl([(kernel, [])])


def test_two_kernels_of_one_name_are_refused() -> None:
    with pytest.raises(KernelError, match="'pointwise' can't name a function"):
        print_msl([(pointwise("f16"), []), (pointwise("f32"), [])])


def test_precise_functions_where_fast_ones_are_too_coarse() -> None:
    k = Builder("functions")
    x = k.let("x", const(0.5, F32))
    for name in ("exp", "log", "sqrt", "rsqrt", "sin", "cos", "tanh", "floor"):
        k.let(f"of_{name}", call(name, x))
    k.let("half_exp", call("exp", const(0.5, Type("f16"))))
    text = print_msl([(k.done((1, 1, 1), (1, 1, 1)), [])])
    for name in ("exp", "log", "sqrt", "rsqrt", "sin", "cos", "tanh"):
        assert f"const float of_{name} = precise::{name}(x);" in text
    assert "const float of_floor = floor(x);" in text
    # There are no precise functions of halves.
    assert "const half half_exp = half(precise::exp(float(0.5h)));" in text


@pytest.mark.parametrize(
    ("value", "type", "text"),
    [
        (0.5, F32, "0.5f"),
        (0.5, Type("f16", 4), "half4(0.5h)"),
        (math.inf, F32, "as_type<float>(0x7f800000u)"),
        (-math.inf, F32, "as_type<float>(0xff800000u)"),
        (math.nan, F32, "as_type<float>(0x7fc00000u)"),
        (-(2**31), Type("i32"), "(-2147483647 - 1)"),
        (True, BOOL, "true"),
    ],
)
def test_literals(value: float, type: Type, text: str) -> None:
    k = Builder("literal")
    k.let("x", const(value, type))
    assert f" x = {text};" in print_msl([(k.done((1, 1, 1), (1, 1, 1)), [])])


def test_bools_in_memory_take_32_bits_as_in_glsl() -> None:
    need_clang()
    k = Builder("truths")
    src, dst = k.buffer("src", BOOL, 4), k.buffer("dst", BOOL, 4, "write")
    k.store(dst, k.gid(0), ~src[k.gid(0)])
    kernel = k.done((4, 1, 1), (4, 1, 1))
    text = print_msl([(kernel, [])])
    assert "device const uint* src [[buffer(0)]]" in text
    given = {"src": np.array([0, 1, 1, 0], np.int32), "dst": np.full(4, -1, np.int32)}
    made = ran(MslLibrary(text), kernel, {n: v.view(np.uint8) for n, v in given.items()})
    np.testing.assert_array_equal(made.view(np.int32), [1, 0, 0, 1])


def test_headers_cannot_reach_the_code() -> None:
    text = print_msl([(pointwise(), ["ops: a\nb"])], ["ends in \\"])
    assert text.startswith("// ends in /\n#include")
    assert "\n// ops: a b\nkernel void pointwise(" in text
