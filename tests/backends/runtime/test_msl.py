"""Metal files run on the host: numbers as Metal has them, threadgroups, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tflgpuc.backends.runtime import msl
from tflgpuc.backends.runtime.msl import MslLibrary, check, find_clang
from tflgpuc.ir.errors import DeviceError

HEAD = """#include <metal_stdlib>
using namespace metal;
"""

AFFINE = """
kernel void affine(
    device const float4* src [[buffer(0)]],
    device float4* dst [[buffer(1)]],
    uint3 gid [[thread_position_in_grid]]) {
    dst[gid.x] = 2.0f * src[gid.x] + float4(1.0f, 2.0f, 3.0f, 4.0f);
}
"""

# Booleans of vectors are ones, not minus ones as clang's own comparisons give.
BOOLEANS = """
kernel void booleans(
    device const float4* a [[buffer(0)]],
    device const float4* b [[buffer(1)]],
    device float4* dst [[buffer(2)]]) {
    const bool4 less = a[0] < b[0];
    dst[0] = select(a[0], b[0], less);
    dst[1] = float4(a[0] < b[0]) + float4(int4(less && !bool4(b[0])));
    dst[2] = float4(select(half4(a[0]), half4(b[0]), half4(a[0]) >= half4(b[0])));
    dst[3] = float4(less.x ? 5.0f : 6.0f, float(less.y), less.z == (a[0].z < b[0].z), bool4(true).w);
}
"""

LANES = """
kernel void lanes(
    device const float4* src [[buffer(0)]],
    device const int4* whole [[buffer(1)]],
    device float4* dst [[buffer(2)]],
    device int4* turned [[buffer(3)]]) {
    dst[0] = src[0].wzyx;
    dst[1] = float4(src[0].yw, float2(7.0f, 8.0f));
    dst[2] = float4(0.0f);
    dst[2].zx = src[0].xy;
    dst[2].yw += src[0].xx;
    dst[3] = float4(1.0f, bool2(src[0].xy), -1.0f);
    turned[0] = int4(whole[0].w, whole[0].zy, whole[0].x);
}
"""

# The numbers that tell round() from rint(), and fma() from a product that is rounded first.
FUNCTIONS = """
kernel void functions(device const float4* src [[buffer(0)]], device float4* dst [[buffer(1)]]) {
    dst[0] = round(src[0]);
    dst[1] = rint(src[0]);
    dst[2] = fma(src[1], src[1], -src[2]);
    dst[3] = src[1] * src[1] - src[2];
    dst[4] = select(float4(0.0f), float4(1.0f), isnan(src[3]));
    dst[5] = fast::max(precise::exp(src[0]), fast::sqrt(abs(src[0])));
    dst[6].x = select(2.0f, 3.0f, isnan(src[3].y));
    dst[6].y = float(fma(3.0h, 0.333251953125h, -1.0h));
}
"""

HALVES = """
kernel void halves(device const half4* src [[buffer(0)]], device half4* dst [[buffer(1)]]) {
    half sum = 0.0h;
    for (int i = 0; i < 4096; i++) {
        sum += src[0].x;
    }
    const half4 x = src[0];
    dst[0] = half4(sum, (x.y + x.z) - x.y, x.w * x.w, half(1.0f / 3.0f));
}
"""

# A sum by halving: as many barriers as the group size has bits.
SUM = """
kernel void sum(
    device const float* src [[buffer(0)]],
    device float* dst [[buffer(1)]],
    uint3 lid [[thread_position_in_threadgroup]],
    uint3 group [[threadgroup_position_in_grid]]) {
    threadgroup float part[32];
    const int at = int(lid.y) * 8 + int(lid.x);
    part[at] = src[int(group.z) * 32 + at];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (int half_size = 16; half_size > 0; half_size = half_size / 2) {
        if (at < half_size) {
            part[at] += part[at + half_size];
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);
    }
    if (at == 0) {
        dst[int(group.z)] = part[0];
    }
}
"""

DIVERGENT = """
kernel void divergent(
    device float* dst [[buffer(0)]], uint3 lid [[thread_position_in_threadgroup]]) {
    if (lid.x < 3) {
        threadgroup_barrier(mem_flags::mem_threadgroup);
    }
    dst[lid.x] = 1.0f;
}
"""

PLACES = """
kernel void places(
    device int4* dst [[buffer(3)]],
    uint3 gid [[thread_position_in_grid]],
    uint3 lid [[thread_position_in_threadgroup]],
    uint3 group [[threadgroup_position_in_grid]]) {
    const int at = (int(gid.z) * 4 + int(gid.y)) * 6 + int(gid.x);
    const int x = int(gid.x) + 100 * int(lid.x);
    dst[at] = int4(x, int(gid.y) + 100 * int(lid.y), int(gid.z), int(group.x));
}
"""

ALL = HEAD + AFFINE + BOOLEANS + LANES + FUNCTIONS + HALVES + SUM + DIVERGENT + PLACES
ONE = "kernel void one(device float4* d [[buffer(0)]]) {{\n    {}\n}}\n"
REFUSED = {
    "GLSL's names": "d[0] = vec4(1.0f);",
    "another file's function": "d[0] = nowhere(d[0]);",
    "half4 for float4": "d[0] = half4(1.0h);",
    "half4 with float4": "d[0] = d[0] * half4(1.0h);",
    "three lanes": "d[0] = float4(1.0f, 2.0f, 3.0f);",
    "three lanes of two parts": "d[0] = float4(d[0].xy, 3.0f);",
    "a lane that two lack": "const float2 a = d[0].xy; d[0] = float4(a.z);",
    "a lane written twice": "d[0].xx = d[1].xy;",
    "an unused variable": "int unused = 3;",
    "a missing semicolon": "d[0] = d[0]",
}
STRICTLY_REFUSED = {
    "a device pointer as a thread's": "thread float4* p = d; p[0] = float4(0.0f);",
    "a pointer of no address space": "float4* p = d; p[0] = float4(0.0f);",
    "a threadgroup array as a device pointer": (
        "threadgroup float4 t[4];\n    device float4* p = t;\n    p[0] = float4(0.0f);"
    ),
}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of these tests' own; skips them all where there is no clang."""
    try:
        find_clang()
    except DeviceError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def library(cache: Path) -> MslLibrary:
    return MslLibrary(ALL)


def bound(*arrays: NDArray[np.generic]) -> dict[int, tuple[NDArray[np.uint8], int]]:
    return {i: (a.reshape(-1).view(np.uint8), 0) for i, a in enumerate(arrays)}


def test_vectors_through_read_only_bindings_with_offsets(library: MslLibrary) -> None:
    src = np.arange(40, dtype=np.float32)
    dst = np.full(40, -7, np.float32)
    src.flags.writeable = False
    buffers = {0: (src.view(np.uint8), 16), 1: (dst.view(np.uint8), 32)}
    library.dispatch("affine", buffers, (2, 1, 1), (4, 1, 1))
    right = np.tile(np.arange(1, 5), 8) + 2 * src[4:36]
    np.testing.assert_array_equal(dst, [-7] * 8 + list(right))


def test_booleans_are_metals(library: MslLibrary) -> None:
    a, b = np.array([[1, 2, 3, 4], [2, 2, 0, 8]], np.float32)
    dst = np.zeros((4, 4), np.float32)
    library.dispatch("booleans", bound(a, b, dst), (1, 1, 1), (1, 1, 1))
    less = a < b
    np.testing.assert_array_equal(dst[0], np.where(less, b, a))
    np.testing.assert_array_equal(dst[1], less * 1 + (less & (b == 0)))
    np.testing.assert_array_equal(dst[2], np.where(a >= b, b, a))
    np.testing.assert_array_equal(dst[3], [5, 0, 1, 1])


def test_lanes_are_picked_and_put_together(library: MslLibrary) -> None:
    src = np.array([1, 2, 0, 4], np.float32)
    whole = np.array([2**24 + 1, -3, 5, 2**31 - 1], np.int32)
    dst, turned = np.zeros((4, 4), np.float32), np.zeros(4, np.int32)
    library.dispatch("lanes", bound(src, whole, dst, turned), (1, 1, 1), (1, 1, 1))
    assert dst.tolist() == [[4, 0, 2, 1], [2, 4, 7, 8], [2, 1, 1, 1], [1, 1, 1, -1]]
    assert turned.tolist() == whole[::-1].tolist()


def test_functions_are_metals(library: MslLibrary) -> None:
    near = np.float32(1 + 2**-12)
    src = np.array(
        [[0.5, -2.5, 1.5, 3.2], [near] * 4, [near * near] * 4, [1, np.nan, -np.inf, 0]], np.float32
    )
    dst = np.zeros((7, 4), np.float32)
    library.dispatch("functions", bound(src, dst), (1, 1, 1), (1, 1, 1))
    assert dst[0].tolist() == [1, -3, 2, 3]
    assert dst[1].tolist() == [0, -2, 2, 3]
    assert dst[2].tolist() == [2**-24] * 4
    assert dst[3].tolist() == [0] * 4
    assert dst[4].tolist() == [0, 1, 0, 0]
    np.testing.assert_allclose(dst[5], np.maximum(np.exp(src[0]), np.sqrt(abs(src[0]))), 1e-6)
    assert dst[6, :2].tolist() == [3, 3 * 0.333251953125 - 1]


def test_halves_round_after_every_operation(library: MslLibrary) -> None:
    src = np.array([0.1, 2048, 1, 300], np.float16)
    dst = np.zeros(4, np.float16)
    library.dispatch("halves", bound(src, dst), (1, 1, 1), (1, 1, 1))
    np.testing.assert_array_equal(dst, np.array([256, 0, np.inf, 1 / 3], np.float16))


@pytest.mark.parametrize("threads", [1, 3])
def test_threadgroups_meet_at_barriers(library: MslLibrary, threads: int) -> None:
    src = np.random.default_rng(0).integers(-9, 9, (7, 32)).astype(np.float32)
    dst = np.zeros(7, np.float32)
    library.dispatch("sum", bound(src, dst), (1, 1, 7), (8, 4, 1), threads)
    np.testing.assert_array_equal(dst, src.sum(1))


def test_a_barrier_that_some_threads_miss_is_an_error(library: MslLibrary) -> None:
    dst = np.zeros(4, np.float32)
    with pytest.raises(DeviceError, match="divergent: not all threads reach a barrier"):
        library.dispatch("divergent", bound(dst), (1, 1, 1), (4, 1, 1))
    library.dispatch("divergent", bound(dst), (1, 1, 1), (3, 1, 1))


@pytest.mark.parametrize("threads", [1, 4])
def test_places_of_threads(library: MslLibrary, threads: int) -> None:
    dst = np.full((2, 4, 6, 4), -1, np.int32)
    buffers = {3: (dst.reshape(-1).view(np.uint8), 0)}
    library.dispatch("places", buffers, (2, 2, 2), (3, 2, 1), threads)
    z, y, x = np.indices((2, 4, 6))
    right = np.stack([x + 100 * (x % 3), y + 100 * (y % 2), z, x // 3], -1)
    np.testing.assert_array_equal(dst, right)


def test_no_threadgroups_do_nothing(library: MslLibrary) -> None:
    library.dispatch("divergent", bound(np.zeros(4, np.float32)), (0, 1, 1), (4, 1, 1))


def test_unknown_functions_and_missing_buffers_are_errors(library: MslLibrary) -> None:
    with pytest.raises(DeviceError, match=r"kernels\.metal: there is no function 'none'"):
        library.dispatch("none", {}, (1, 1, 1), (1, 1, 1))
    with pytest.raises(DeviceError, match="affine: nothing is bound to buffer 1"):
        library.dispatch("affine", bound(np.zeros(4, np.float32)), (1, 1, 1), (1, 1, 1))


@pytest.mark.parametrize("body", [pytest.param(v, id=k) for k, v in REFUSED.items()])
def test_what_metal_refuses_is_refused(body: str) -> None:
    source = HEAD + ONE.format(body)
    with pytest.raises(DeviceError, match=r"(?s)model\.metal: .* refuses it:.*model\.metal:[45]:"):
        MslLibrary(source, name="msl/model.metal")
    assert "model.metal:" in check(source, "msl/model.metal")


@pytest.mark.parametrize("body", [pytest.param(v, id=k) for k, v in STRICTLY_REFUSED.items()])
def test_address_spaces_are_checked(body: str) -> None:
    source = HEAD + ONE.format(body)
    MslLibrary(source)
    assert re.search(r"model\.metal:[45]:.* error: .*address", check(source, "model.metal"))


def test_writes_to_what_is_only_read_are_refused() -> None:
    for space in ("device const", "constant"):
        source = f"{HEAD}kernel void one({space} float4* d [[buffer(0)]]) {{ d[0] = d[1]; }}\n"
        assert "const" in check(source, "model.metal")


def test_correct_files_are_clean() -> None:
    assert check(ALL) == ""


def test_a_file_is_compiled_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = HEAD + ONE.format("d[0] = float4(9.0f);")
    MslLibrary(source)
    monkeypatch.setattr(msl, "_clang", lambda *_: pytest.fail("compiled again"))
    dst = np.zeros(4, np.float32)
    MslLibrary(source).dispatch("one", bound(dst), (1, 1, 1), (1, 1, 1))
    assert dst.tolist() == [9.0] * 4
    assert all(path.suffix == ".so" for path in (cache / "tflgpuc" / "msl").iterdir())


def test_the_compiler_may_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = find_clang()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("TFLGPUC_CLANG", chosen)
    assert find_clang() == chosen
    monkeypatch.setenv("TFLGPUC_CLANG", "no-such-clang")
    with pytest.raises(DeviceError, match="TFLGPUC_CLANG is 'no-such-clang'"):
        find_clang()
    monkeypatch.delenv("TFLGPUC_CLANG")
    with pytest.raises(DeviceError, match=r"needs clang 16 or later.*clang 14 and 15 can't"):
        find_clang()
