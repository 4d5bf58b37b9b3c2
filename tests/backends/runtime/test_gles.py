"""The OpenGL ES device on every library that this machine has."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gles_process import LIBRARIES, GlesProcess, missing
from tflgpuc.backends.runtime.gles_library import GlesLibrary, choose_library
from tflgpuc.ir.errors import DeviceError

COUNT = 64
BYTES = COUNT * 16
# The largest alignment that ES 3.1 lets a driver ask for.
OFFSET = 256

ADD = """#version 310 es
layout(local_size_x = 16) in;
layout(std430, binding = 0) writeonly buffer Dst { vec4 dst[]; };
layout(std430, binding = 1) readonly buffer Left { vec4 left[]; };
layout(std430, binding = 2) readonly buffer Right { vec4 right[]; };
void main() {
  uint i = gl_GlobalInvocationID.x;
  dst[i] = left[i] + right[i];
}
"""

# Each invocation reads what another work-group wrote in the dispatch before.
ROTATE = """#version 310 es
layout(local_size_x = 16) in;
layout(std430, binding = 0) writeonly buffer Dst { vec4 dst[]; };
layout(std430, binding = 1) readonly buffer Src { vec4 src[]; };
void main() {
  uint i = gl_GlobalInvocationID.x;
  dst[i] = src[(i + 16u) % 64u] + vec4(1.0);
}
"""

UNINITIALIZED = ADD.replace("  dst[i] =", "  vec4 unset;\n  dst[i] = unset +")


def skip_if_missing(library: str) -> None:
    reason = missing(library)
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(scope="module", params=LIBRARIES)
def device(request: pytest.FixtureRequest) -> Iterator[GlesProcess]:
    skip_if_missing(request.param)
    with GlesProcess(request.param) as process:
        yield process


def vectors(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((COUNT, 4), np.float32)


def floats(device: GlesProcess, buffer: int, offset: int = 0) -> NDArray[np.float32]:
    content: NDArray[np.uint8] = device.call("read", buffer, offset, BYTES)
    return content.view(np.float32).reshape(COUNT, 4)


def test_is_an_es_31_device_with_at_least_the_guaranteed_limits(device: GlesProcess) -> None:
    limits = device.get("limits")
    assert device.get("version").startswith("OpenGL ES 3.")
    assert device.get("vendor") and device.get("renderer")
    assert limits.max_invocations >= 128
    assert all(np.array(limits.max_group_size) >= (128, 128, 64))
    assert all(np.array(limits.max_groups) >= 65535)
    assert limits.max_storage_blocks >= 4
    assert limits.shared_bytes >= 16384
    assert limits.max_storage_bytes >= 2**27
    assert OFFSET % limits.storage_offset_alignment == 0


def test_adds_through_bindings_with_offsets(device: GlesProcess) -> None:
    left, right = vectors(1), vectors(2)
    program = device.call("compile", "add", ADD)
    sources = device.call("buffer", OFFSET + BYTES + BYTES)
    device.call("write", sources, OFFSET, left)
    device.call("write", sources, OFFSET + BYTES, right)
    guard = np.full((OFFSET + BYTES + 16) // 4, -7, np.float32)
    target = device.call("buffer", guard.nbytes, guard)
    bindings = [
        (0, target, OFFSET, BYTES),
        (1, sources, OFFSET, BYTES),
        (2, sources, OFFSET + BYTES, BYTES),
    ]
    device.call("dispatch", program, bindings, (COUNT // 16, 1, 1))
    np.testing.assert_array_equal(floats(device, target, OFFSET), left + right)
    around = device.call("read", target, 0, guard.nbytes).view(np.float32)
    assert set(around[: OFFSET // 4]) | set(around[-4:]) == {np.float32(-7)}


def test_dependent_dispatches_with_barriers(device: GlesProcess) -> None:
    source = vectors(3)
    program = device.call("compile", "rotate", ROTATE)
    here, there = device.call("buffer", BYTES, source.tobytes()), device.call("buffer", BYTES)
    for _ in range(5):
        bindings = [(0, there, 0, BYTES), (1, here, 0, BYTES)]
        device.call("dispatch", program, bindings, (COUNT // 16, 1, 1))
        device.call("barrier")
        here, there = there, here
    expected = source
    for _ in range(5):
        expected = np.roll(expected, -16, axis=0) + np.float32(1)
    np.testing.assert_array_equal(floats(device, here), expected)


def test_host_writes_between_dispatches(device: GlesProcess) -> None:
    program = device.call("compile", "add", ADD)
    buffers = [device.call("buffer", BYTES, vectors(seed)) for seed in (0, 4, 5)]
    bindings = [(point, buffer, 0, BYTES) for point, buffer in enumerate(buffers)]
    device.call("dispatch", program, bindings, (COUNT // 16, 1, 1))
    device.call("write", buffers[1], 16, np.ones(4, np.float32))
    device.call("dispatch", program, bindings, (COUNT // 16, 1, 1))
    left = vectors(4)
    left[1] = 1
    np.testing.assert_array_equal(floats(device, buffers[0]), left + vectors(5))


def test_writes_any_array_in_c_order(device: GlesProcess) -> None:
    transposed = np.arange(12, dtype=np.float16).reshape(3, 4).T
    buffer = device.call("buffer", transposed.nbytes)
    device.call("write", buffer, 0, transposed)
    content = device.call("read", buffer, 0, transposed.nbytes).view(np.float16)
    np.testing.assert_array_equal(content.reshape(4, 3), transposed)


def test_time_is_none_or_plausible(device: GlesProcess) -> None:
    program = device.call("compile", "add", ADD)
    buffer = device.call("buffer", BYTES, vectors(6))
    bindings = [(point, buffer, 0, BYTES) for point in range(3)]
    elapsed = device.timed("dispatch", program, bindings, (COUNT // 16, 1, 1))
    if "ANGLE" in device.get("renderer"):
        assert elapsed is not None
    assert elapsed is None or 100 < elapsed < 10**9
    np.testing.assert_array_equal(floats(device, buffer), vectors(6) * 2)


def test_an_error_inside_timed_ends_the_query(device: GlesProcess) -> None:
    with pytest.raises(DeviceError, match="no buffer 9999"):
        device.timed("read", 9999, 0, 4)
    device.timed("finish")


def test_a_refused_shader_names_itself_with_the_log(device: GlesProcess) -> None:
    with pytest.raises(DeviceError, match=r"^broken_add: .*compile") as caught:
        device.call("compile", "broken_add", ADD.replace("left[i] +", "lift[i] +"))
    assert "lift" in str(caught.value)


def test_a_program_that_does_not_link_names_itself(device: GlesProcess) -> None:
    shared = device.get("limits").shared_bytes
    too_much = ADD.replace("void main() {", f"shared vec4 much[{shared // 8}];\nvoid main() {{")
    too_much = too_much.replace("left[i] +", "much[i] + left[i] +")
    with pytest.raises(DeviceError, match=r"^greedy: "):
        device.call("compile", "greedy", too_much)


def test_keeps_the_log_of_a_shader_that_compiles_with_warnings(device: GlesProcess) -> None:
    before = len(device.get("warnings"))
    device.call("compile", "clean", ADD)
    assert len(device.get("warnings")) == before
    if device.get("vendor").startswith("Mesa"):
        device.call("compile", "careless", UNINITIALIZED)
        name, log = device.get("warnings")[-1]
        assert name == "careless"
        assert "unset" in log


@pytest.mark.parametrize(
    ("binding", "groups", "message"),
    [
        ((0, 0, 4, 16), (1, 1, 1), "no multiple of"),
        ((0, 0, OFFSET, 1024), (1, 1, 1), "has no 1024 bytes at 256"),
        ((0, 0, 0, 0), (1, 1, 1), "has no 0 bytes"),
        ((0, 0, -256, 512), (1, 1, 1), "at -256"),
        ((0, 9999, 0, 16), (1, 1, 1), "no buffer"),
        ((10**6, 0, 0, 16), (1, 1, 1), "binding 1000000"),
        ((0, 0, 0, 16), (1, 0, 1), "work-groups"),
        ((0, 0, 0, 16), (1, 1, 2**31 - 1), "work-groups"),
    ],
)
def test_refuses_bad_dispatches(
    device: GlesProcess, binding: tuple[int, ...], groups: tuple[int, ...], message: str
) -> None:
    program = device.call("compile", "add", ADD)
    point, buffer, offset, size = binding
    buffer = buffer or device.call("buffer", 1024)
    with pytest.raises(DeviceError, match=message):
        device.call("dispatch", program, [(point, buffer, offset, size)], groups)


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        ("buffer", (0,), "can't have 0 bytes"),
        ("buffer", (8, b"123456789"), "9 bytes don't fit"),
        ("buffer", (2**50,), "GL_OUT_OF_MEMORY"),
        ("dispatch", (9999, [], (1, 1, 1)), "program 9999.*glUseProgram: GL_INVALID_VALUE"),
    ],
)
def test_refuses_bad_calls(
    device: GlesProcess, method: str, arguments: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(DeviceError, match=message):
        device.call(method, *arguments)
    device.call("finish")  # the error isn't left for the next call


def test_refuses_transfers_out_of_range(device: GlesProcess) -> None:
    buffer = device.call("buffer", 64)
    for method, arguments in (("read", (60, 8)), ("write", (60, bytes(8))), ("read", (-4, 8))):
        with pytest.raises(DeviceError, match=f"buffer {buffer} of 64 bytes has no 8 bytes"):
            device.call(method, buffer, *arguments)


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("library", LIBRARIES)
def test_devices_of_one_process(library: str) -> None:
    skip_if_missing(library)
    code = f"""
import sys
from tflgpuc.backends.runtime.gles import GlesDevice
from tflgpuc.ir.errors import DeviceError

assert not any(name.split(".")[0] == "OpenGL" for name in sys.modules), "imported too early"
with GlesDevice({library!r}) as first:
    buffer = first.buffer(4, b"abcd")
    with GlesDevice({library!r}) as second:
        other = second.buffer(4, b"wxyz")
        print(first.read(buffer, 0, 4).tobytes(), second.read(other, 0, 4).tobytes())
    print(first.read(buffer, 0, 4).tobytes())
first.close()
with GlesDevice({library!r}) as third:
    print(third.read(third.buffer(4, b"1234"), 0, 4).tobytes())
for problem in (lambda: first.finish(), lambda: GlesDevice({str(Path(__file__).parent)!r})):
    try:
        problem()
    except DeviceError as error:
        print(error)
"""
    lines = run_python(code).splitlines()
    assert lines[:3] == ["b'abcd' b'wxyz'", "b'abcd'", "b'1234'"]
    assert "closed" in lines[3]
    assert "OpenGL ES library" in lines[4]


def test_one_process_has_one_library() -> None:
    for library in LIBRARIES[:2]:
        skip_if_missing(library)
    code = f"""
from tflgpuc.backends.runtime.gles import GlesDevice
from tflgpuc.ir.errors import DeviceError
GlesDevice({LIBRARIES[0]!r}).close()
try:
    GlesDevice({LIBRARIES[1]!r})
except DeviceError as error:
    print(error)
"""
    assert "another process" in run_python(code)


def test_chooses_by_argument_then_environment_then_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in ("libEGL.so", "libGLESv2.so", "icd.json"):
        (tmp_path / file).touch()
    folder = str(tmp_path)
    monkeypatch.delenv("TFLGPUC_GLES", raising=False)
    assert choose_library() == GlesLibrary(None, None)
    monkeypatch.setenv("TFLGPUC_GLES", folder)
    assert choose_library() == GlesLibrary(tmp_path.resolve(), None)
    assert choose_library("system") == GlesLibrary(None, None)
    icd = str(tmp_path / "icd.json")
    assert choose_library(folder, icd) == GlesLibrary(tmp_path.resolve(), Path(icd).resolve())


def test_a_missing_library_or_driver_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"not found: .*libEGL\.so"):
        choose_library(str(tmp_path))
    with pytest.raises(DeviceError, match=r"Vulkan driver not found: .*none\.json"):
        choose_library("system", str(tmp_path / "none.json"))


@pytest.mark.parametrize("library", LIBRARIES)
def test_does_without_a_surfaceless_context(library: str) -> None:
    skip_if_missing(library)
    code = f"""
from tflgpuc.backends.runtime.egl import EglContext
from tflgpuc.backends.runtime.gles import GlesDevice

lacks = {{"EGL_KHR_surfaceless_context", "EGL_KHR_no_config_context"}}
extensions = EglContext._extensions
EglContext._extensions = lambda self, display: extensions(self, display) - lacks
with GlesDevice({library!r}) as device:
    print(device.read(device.buffer(4, b"abcd"), 0, 4).tobytes())
"""
    assert run_python(code) == "b'abcd'\n"
