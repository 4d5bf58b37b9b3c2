"""Printed GLSL is accepted by compilers and computes what the kernel means."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from gles_process import LIBRARIES, GlesProcess, missing
from support.shaders import (
    KERNELS,
    expected,
    inputs,
    named,
    pointwise,
    pointwise_function,
    powers,
    statements,
    tolerance,
    typed,
)
from tflgpuc.backends.glsl import print_glsl
from tflgpuc.backends.glsl.printer import keywords
from tflgpuc.backends.printer import Namer
from tflgpuc.ir.errors import KernelError
from tflgpuc.ir.shader import F32, F32X4, I32X4, Builder, Kernel, Type, call, const, select


@pytest.fixture(scope="module", params=LIBRARIES)
def device(request: pytest.FixtureRequest) -> Iterator[GlesProcess]:
    reason = missing(request.param)
    if reason is not None:
        pytest.skip(reason)
    with GlesProcess(request.param) as process:
        yield process


def validate(text: str) -> None:
    """Asks the reference compiler; it may neither refuse nor warn."""
    compiler = shutil.which("glslangValidator")
    if compiler is None:
        pytest.skip("glslangValidator isn't installed")
    made = subprocess.run(
        [compiler, "--stdin", "-S", "comp"], input=text, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout
    assert not re.search("WARNING|ERROR", made.stdout), made.stdout


def ran(
    device: GlesProcess, kernel: Kernel, given: dict[str, NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    """The bytes of ``dst`` after a dispatch."""
    program = device.call("compile", kernel.name, print_glsl(kernel))
    buffers = [device.call("buffer", given[b.name].size, given[b.name]) for b in kernel.buffers]
    sizes = [given[b.name].size for b in kernel.buffers]
    bindings = [(i, b, 0, size) for i, (b, size) in enumerate(zip(buffers, sizes, strict=True))]
    device.call("dispatch", program, bindings, kernel.groups)
    device.call("barrier")
    at = [b.name for b in kernel.buffers].index("dst")
    made: NDArray[np.uint8] = device.call("read", buffers[at], 0, sizes[at])
    return made


def test_golden(golden: Callable[[str, str], None]) -> None:
    golden("pointwise.comp", print_glsl(pointwise(), ["model: none", "ops: conv_2d + relu6"]))


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.name)
def test_reference_compiler_accepts_every_node(kernel: Kernel) -> None:
    text = print_glsl(kernel, ["a header"])
    assert not re.search(r"[ \t]$|\bfma\(|\n\n\n", text, re.M)
    validate(text)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.name)
def test_drivers_compute_what_the_kernel_means(device: GlesProcess, kernel: Kernel) -> None:
    made, right = typed(kernel, ran(device, kernel, inputs(kernel))), expected(kernel)
    # GLSL asks little of the accuracy of built-in functions.
    off = max(tolerance(kernel), 5e-4 if kernel.name.startswith("functions_") else 0)
    np.testing.assert_allclose(made, right, rtol=off, atol=off)


def test_pow_is_that_of_the_standard_library(device: GlesProcess) -> None:
    x = np.array([-2, -2, -2, -2, 0, 0, 0, -0.5, 1, 2, 2, 3, -1, -3, 0.25, 9], np.float32)
    y = np.array([2, 3, -1, 0.5, 0, 2, -1, 0, 7, -2, 0.5, 3, -5, 4, 1.5, 0.5], np.float32)
    given = {"x": x, "y": y, "dst": np.zeros(16, np.float32)}
    made = ran(device, powers(F32), {n: v.view(np.uint8) for n, v in given.items()})
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(made.view(np.float32), np.power(x, y), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "right", "off"), [("erf", math.erf, 1e-6), ("tanh", math.tanh, 1e-6)]
)
def test_functions_are_accurate_everywhere(
    device: GlesProcess, name: str, right: Callable[[float], float], off: float
) -> None:
    x = np.concatenate([np.linspace(-5, 5, 1000), [0, 88, -89, 200, -1e30, 1e-20] * 4]).astype("f4")
    kernel = pointwise_function(name, x.size)
    given = {"src": x.view(np.uint8), "dst": np.zeros(x.size * 4, np.uint8)}
    made = ran(device, kernel, given).view(np.float32)
    np.testing.assert_allclose(made, [right(v) for v in x.tolist()], rtol=0, atol=off)


def test_every_reserved_word_may_be_an_authors_name() -> None:
    text = print_glsl(named(sorted(keywords())))
    assert "int vec4_1 = " in text
    validate(text)


def test_reserved_words_are_all_there() -> None:
    """What the reference compiler knows can't be a name as it stands."""
    words = ["packed", "sampler2DShadow", "mat2x3", "image2D", "atomic_uint", "patch", "resource"]
    assert keywords().issuperset(words)


def test_two_buffers_that_differ_in_case_only() -> None:
    k = Builder("cases")
    first, second = k.buffer("my_src", F32, 1), k.buffer("mySrc", F32, 1)
    k.store(k.buffer("MySrc", F32, 1, "write"), 0, first[0] + second[0])
    text = print_glsl(k.done((1, 1, 1), (1, 1, 1)))
    names = re.findall(r"buffer (\w+) \{ float (\w+)\[\]", text)
    assert len({name for pair in names for name in pair}) == 6
    validate(text)


def test_helpers_only_where_used() -> None:
    assert "unpack_half4" not in print_glsl(pointwise("f32"))
    text = print_glsl(pointwise("f16"))
    assert text.count("vec4 unpack_half4(uvec2 v)") == 1
    assert "pow_signed" not in text
    assert "erf_approx" not in text


def test_integers_are_chosen_lane_by_lane() -> None:
    k = Builder("choice")
    src, dst = k.buffer("src", I32X4, 2), k.buffer("dst", I32X4, 1, "write")
    a, b = k.let("a", src[0]), k.let("b", src[1])
    k.store(dst, 0, select(a < b, a, 7))
    text = print_glsl(k.done((1, 1, 1), (1, 1, 1)))
    lanes = ", ".join(f"a.{c} < b.{c} ? a.{c} : 7" for c in "xyzw")
    assert f"dst[0] = ivec4({lanes});" in text


def test_tanh_is_clamped_once() -> None:
    k = Builder("once")
    src, dst = k.buffer("src", F32X4, 1), k.buffer("dst", F32X4, 1, "write")
    k.store(dst, 0, call("tanh", call("clamp", src[0], -9.0, 9.0)))
    assert "= tanh(clamp(src[0], vec4(-9.0), vec4(9.0)));" in print_glsl(
        k.done((1, 1, 1), (1, 1, 1))
    )
    k = Builder("wide")
    src, dst = k.buffer("src", F32X4, 1), k.buffer("dst", F32X4, 1, "write")
    k.store(dst, 0, call("tanh", call("clamp", src[0], -99.0, 99.0)))
    assert "vec4(-10.0), vec4(10.0)))" in print_glsl(k.done((1, 1, 1), (1, 1, 1)))


@pytest.mark.parametrize(
    ("value", "type", "text"),
    [
        (math.inf, F32, "uintBitsToFloat(0x7f800000u)"),
        (-math.inf, F32, "uintBitsToFloat(0xff800000u)"),
        (math.nan, F32, "uintBitsToFloat(0x7fc00000u)"),
        (3, Type("u32"), "3u"),
        (2**31, Type("u32"), "0x80000000u"),
        (-(2**31), Type("i32"), "(-2147483647 - 1)"),
        (True, Type("bool", 4), "bvec4(true)"),
        (-1.0, F32X4, "vec4(-1.0)"),
    ],
)
def test_literals(value: float, type: Type, text: str) -> None:
    k = Builder("literal")
    k.let("x", const(value, type))
    made = print_glsl(k.done((1, 1, 1), (1, 1, 1)))
    assert f" x = {text};" in made
    validate(made)


def test_half_arithmetic_is_mediump() -> None:
    k = Builder("halves")
    k.let("x", const(0.5, Type("f16", 4)))
    assert "mediump vec4 x = vec4(0.5);" in print_glsl(k.done((1, 1, 1), (1, 1, 1)))


def test_locations_are_those_of_the_author() -> None:
    kernel = statements()
    assert "shaders.py" not in print_glsl(kernel)
    lines = print_glsl(kernel, locations=True).splitlines()
    body = lines[lines.index("void main() {") + 1 : -1]
    unmarked = [line for line in body if not re.search(r"  // shaders\.py:\d+$", line)]
    assert {line.strip() for line in unmarked} == {"}", "} else {"}


def test_a_name_that_is_no_word_is_refused() -> None:
    k = Builder("conv 1x1")
    with pytest.raises(KernelError, match="'conv 1x1' can't name a kernel"):
        print_glsl(k.done((1, 1, 1), (1, 1, 1)))


def test_header_cannot_reach_the_code() -> None:
    text = print_glsl(pointwise(), ["ops: a\nb", "ends in \\"])
    assert "// ops: a b\n// ends in /\n// kernel: pointwise\n// grid: 7 x 2 x 1\n" in text
    validate(text)


def test_namer_never_gives_a_reserved_word() -> None:
    name = Namer(keywords())
    assert not {name(word) for word in keywords()} & keywords()
