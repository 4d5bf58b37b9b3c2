"""Printed shaders, read back, are the kernels that were printed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tflgpuc.backends.glsl.printer import print_glsl
from tflgpuc.backends.glsl.reader import read
from tflgpuc.ir.errors import BundleError, KernelError
from tflgpuc.ir.shader import (
    BOOL,
    F32,
    F32X4,
    I32,
    U32,
    Builder,
    Kernel,
    Scalar,
    bitcast,
    call,
    compose,
    const,
    convert,
    select,
    walk_stmts,
)
from tflgpuc.ir.shader.interpret import interpret
from tflgpuc.ir.shader.stmt import Let, Var


def pointwise(storage: Scalar) -> Kernel:
    """A 1x1 convolution of 7 pixels and 8 channels, two pixels an invocation."""
    k = Builder("pointwise")
    src = k.buffer("src", F32X4, 14, storage=storage)
    weights = k.buffer("weights", F32X4, 16, storage=storage)
    dst = k.buffer("dst", F32X4, 14, "write", storage)
    pixel, slice = k.let("pixel", k.gid(0) * 2), k.let("slice", k.gid(1))
    with k.when((pixel < 7) & (slice < 2)):
        acc = [k.var(f"acc{p}", const(0.0, F32X4)) for p in range(2)]
        with k.loop("i", 2) as i:
            rows = [k.let(f"w{j}", weights[(slice * 2 + i) * 4 + j]) for j in range(4)]
            for p in range(2):
                x = k.let(f"x{p}", src[i * 7 + call("min", pixel + p, 6)])
                k.add(acc[p], x.lane(0) * rows[0] + x.lane(1) * rows[1])
                k.add(acc[p], x.lane(2) * rows[2] + x.lane(3) * rows[3])
        k.store(dst, slice * 7 + pixel, call("clamp", acc[0], 0.0, 6.0))
        with k.when(pixel + 1 < 7):
            k.store(dst, slice * 7 + pixel + 1, call("clamp", acc[1], 0.0, 6.0))
    return k.done((4, 2, 1), (4, 2, 1))


def curves(storage: Scalar) -> Kernel:
    """Functions, choices and constants of every kind, lane by lane."""
    k = Builder("curves")
    src = k.buffer("src", F32X4, 16, storage=storage)
    dst = k.buffer("dst", F32X4, 16, "write", storage)
    x = k.let("x", src[k.gid(0)])
    y = k.var("y", F32X4)
    with k.when(x.lane(0) > -0.5):
        k.assign(y, call("erf", x) * call("tanh", x) + call("round_even", x * 1e-07))
    with k.otherwise():
        k.assign(y, select(call("isnan", x), 1.0, -x - call("atan2", x, const(-2.5, F32X4))))
    k.assign(y, 2.0, "*")
    huge = select(y.lane(1) < -math.inf, 1.0, select(y.lane(2).ne(math.nan), y.lane(3), 0.0))
    scaled = compose(huge, call("rsqrt", call("abs", huge)), call("erf", huge), -y.lane(0))
    k.store(dst, k.gid(0), select(x >= y, scaled, y))
    return k.done((16, 1, 1), (16, 1, 1))


def integers(storage: Scalar) -> Kernel:
    """Integers of both kinds, bits and conversions; ``storage`` is that of what is read."""
    k = Builder("integers")
    src = k.buffer("src", F32X4, 8, storage=storage)
    dst = k.buffer("dst", I32, 8, "write")
    at = k.let("at", k.gid(0))
    n = k.let("n", k.to_int(src[at].lane(1) * 100.0) - (at - 3) - (at * 5 - 1))
    u = k.let("u", convert(n, "u32") >> 3)
    total = k.var("total", n // -7 + n % 4 * (at + 1))
    with k.loop("i", at + 9, start=at, step=2) as i:
        k.add(total, (i & 3) << (i % 5))
    bits = k.let(
        "bits", bitcast(src[at].lane(2), "i32") ^ convert(u | const(0xF0000000, U32), "i32")
    )
    odd = k.let("odd", (n & 1).eq(1))
    flag = k.let("flag", (odd | (at > 5)) & ~(odd & (n < 0)))
    k.store(dst, at, select(flag, total, bits + -(2**31)) - convert(flag, "i32"))
    return k.done((8, 1, 1), (4, 1, 1))


def group_sum(storage: Scalar) -> Kernel:
    """A reduction in shared memory."""
    k = Builder("group_sum")
    src = k.buffer("src", F32X4, 16, storage=storage)
    dst = k.buffer("dst", F32, 2, "read_write")
    partial = k.shared("partial", F32, 8)
    me = k.let("me", k.lid(0))
    k.store(partial, me, call("dot", src[k.gid(0)], const(1.0, F32X4)))
    k.barrier()
    with k.when(me.eq(0)):
        total = k.var("total", dst[k.group(0)])
        with k.loop("i", 8) as i:
            k.add(total, partial[i])
        k.store(dst, k.group(0), total)
    return k.done((16, 1, 1), (8, 1, 1))


KERNELS = [pointwise, curves, integers, group_sum]


def outputs(kernel: Kernel, names: list[str]) -> dict[str, NDArray[np.uint8]]:
    """All buffers after running on fixed inputs, under the names given for them."""
    random = np.random.default_rng(7)
    held = {}
    for name, buffer in zip(names, kernel.buffers, strict=True):
        numbers = random.standard_normal(64).astype(np.float32)
        if buffer.storage == "f16":
            numbers = numbers.astype(np.float16)
        data: NDArray[np.uint8] = numbers.view(np.uint8)
        held[name] = data if buffer.access == "read" else np.zeros_like(data)
    interpret(kernel, {b.name: held[n] for n, b in zip(names, kernel.buffers, strict=True)})
    return held


@pytest.mark.parametrize("storage", ["f32", "f16"])
@pytest.mark.parametrize("make", KERNELS)
def test_what_is_read_back_computes_and_prints_the_same(make: Any, storage: Scalar) -> None:
    kernel = make(storage)
    text = print_glsl(kernel)
    back = read(text)
    assert print_glsl(back) == text
    assert (back.name, back.grid, back.group) == (kernel.name, kernel.grid, kernel.group)
    assert [(b.element, b.storage, b.access) for b in back.buffers] == [
        (b.element, b.storage, b.access) for b in kernel.buffers
    ]
    names = [b.name for b in kernel.buffers]
    before, after = outputs(kernel, names), outputs(back, names)
    for name in names:
        np.testing.assert_array_equal(before[name], after[name])
    assert before["dst"].any()


def test_comments_and_locations_are_ignored() -> None:
    kernel = pointwise("f32")
    plain = read(print_glsl(kernel))
    assert read(print_glsl(kernel, ["model: a.tflite", "x {"], locations=True)).body == plain.body


def test_names_that_are_never_assigned_stay_immutable() -> None:
    made = list(walk_stmts(read(print_glsl(pointwise("f32"))).body))
    assert {s.name for s in made if isinstance(s, Var)} == {"acc0", "acc1"}
    assert {"pixel", "slice", "x0", "w3"} <= {s.name for s in made if isinstance(s, Let)}


def test_errors_of_a_read_kernel_name_lines_of_the_text() -> None:
    text = print_glsl(pointwise("f32"))
    line = next(n for n, s in enumerate(text.splitlines(), 1) if "src[" in s and "vec4" in s[:20])
    kernel = read(text)
    bound = {b.name: np.zeros(16, np.uint8) for b in kernel.buffers}
    bound["weights"] = np.zeros(16 * 16, np.uint8)
    with pytest.raises(KernelError, match=rf"kernel pointwise: line {line}: reads src\["):
        interpret(kernel, bound)


BODY = "    int pixel = int(gl_GlobalInvocationID.x) * 2;\n"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("int a = 1 +;", ":16: a printed shader has no such thing here"),
        ("while (true) { }", ":12: a printed shader has no such thing here"),
        ("int a = nobody;", ":13: no such name: nobody"),
        ("half a = 1;", ":5: no such type: half"),
        ("vec4 a = 1.0;", ":14: f32 where f32x4 is needed"),
        ("float a = 1.0 + 1;", ":15: f32 + i32: the types differ"),
        ("float a = vec4(1.0).q;", ":25: no such lane: q"),
        ("float a = float(1.0).y;", ":15: f32 has no lane 1"),
        ("float a = float(vec4(1.0));", ":15: float() of f32x4"),
        ("float a = fma(1.0, 1.0, 1.0);", ":15: no such built-in: fma"),
        ("float a = abs();", ":15: abs() without arguments"),
        ("float a = floatBitsToInt(1);", ":15: no such built-in: floatBitsToInt"),
        ("int a = 2147483648;", ":13: 2147483648 doesn't fit i32"),
        ("pixels = 1;", ":5: no such variable: pixels"),
        ("pixel = true;", ":13: bool where i32 is needed"),
        ("src[0] = vec4(1.0);", ":5: src is read-only"),
        ("dsts[0] = vec4(1.0);", ":5: no such buffer: dsts"),
        ("dst[0] = vec4(1.0);", ":14: dst takes packed halves"),
        ("vec4 a = src[0];", ":14: src holds packed halves"),
        ("if (1) { }", ":9: i32 where bool is needed"),
        ("for (int i = 0; pixel < 3; i++) { }", ":14: a loop has one counter"),
        ("discard();", ":5: a printed shader has no such statement"),
    ],
)
def test_text_that_no_printer_prints_is_refused_where_it_stands(line: str, problem: str) -> None:
    text = print_glsl(pointwise("f16"))
    at = text[: text.index(BODY)].count("\n") + 2
    with pytest.raises(BundleError) as caught:
        read(text.replace(BODY, f"{BODY}    {line}\n"))
    assert str(caught.value) == f"pointwise.comp:{at}{problem}"


def test_files_that_are_not_ours_are_refused() -> None:
    with pytest.raises(BundleError, match="no shader that tflgpuc printed"):
        read("#version 310 es\nvoid main() {}\n")
    text = print_glsl(pointwise("f16"))
    with pytest.raises(BundleError, match=r"pack_half4\(\) is no helper function of ours"):
        read(text.replace("packHalf2x16(v.xy)", "packHalf2x16(v.yx)"))
    with pytest.raises(BundleError, match="no such type: mat4"):
        read(text.replace("{ uvec2 src[]", "{ mat4 src[]"))


def test_bools_in_memory() -> None:
    k = Builder("truths")
    src, dst = k.buffer("src", BOOL, 4), k.buffer("dst", BOOL, 4, "write")
    k.store(dst, k.gid(0), ~src[k.gid(0)])
    back = read(print_glsl(k.done((4, 1, 1), (4, 1, 1))))
    made = np.zeros(4, np.int32)
    given = np.array([0, 1, 1, 0], np.int32)
    interpret(back, {"src": given.view(np.uint8), "dst": made.view(np.uint8)})
    np.testing.assert_array_equal(made, [1, 0, 0, 1])
