"""What the C++ host asks of GL, in which order, and what it allocates."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import support.host_models as small
from support.cpp_driver import COMPILERS, compile_cpp

pytestmark = pytest.mark.skipif(not COMPILERS, reason="no C++ compiler")
FAKE_GL = Path(small.__file__).with_name("fake_gl.cpp")


@pytest.fixture(scope="module")
def on_fake_gl(tmp_path_factory):
    """Runs the host of types() on a GL that only says what it is asked for; gives those lines."""
    tmp_path = tmp_path_factory.mktemp("fake")
    folder = small.bundle_of(small.types()).save(tmp_path / "out")
    program = tmp_path / "fake"
    arguments = [f"-I{folder / 'host' / 'cpp'}", str(FAKE_GL), "-ldl", "-o", str(program)]
    compile_cpp(COMPILERS[0], arguments)

    def run(version: int = 1, alignment: int = 256, block: int = 1 << 27) -> list[str]:
        command = [program, folder, *map(str, (version, alignment, block))]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    return run


def test_all_is_compiled_before_anything_is_asked(on_fake_gl):
    lines = on_fake_gl()
    assert lines[0] == "threads 4294967295"
    seen = [line for line in lines if line in ("compile", "link", "ask")]
    programs = seen.count("link")
    assert programs == seen.count("compile") > 1
    assert seen[: 2 * programs] == ["compile"] * programs + ["link"] * programs


def test_a_run_allocates_nothing(on_fake_gl):
    assert "allocations 0" in on_fake_gl()


def test_a_run_does_what_the_manifest_says(on_fake_gl):
    lines = on_fake_gl()
    expected = []
    for step in small.bundle_of(small.types()).manifest["steps"]:
        expected += ["barrier 2000"] if step["barrier"] else []
        expected += [f"bind {i}" for i in range(len(step["bindings"]))] + ["dispatch"]
    run = lines[lines.index("run") + 1 : lines.index("run on gpu")]
    written = ["barrier 200", "write"] * 2 + ["barrier 2000"]
    read = ["barrier 200", "read"] * 6 + ["barrier ffffffff"]
    assert run == written + expected + read
    run = lines[lines.index("run on gpu") + 1 : lines.index("allocations 0")]
    assert run == ["barrier 2000", *expected, "barrier ffffffff"]
    deleted = lines[lines.index("allocations 0") + 1 :]
    assert deleted == ["delete program"] * (len(deleted) - 1) + ["delete buffers"]


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"version": 0}, "OpenGL ES 3.1 is needed; this is "),
        ({"alignment": 96}, " aligns buffers to 96"),
        ({"block": 16}, " binds no more than 16 bytes"),
    ],
)
def test_a_driver_that_does_not_do(on_fake_gl, limits, message):
    (line,) = on_fake_gl(**limits)
    assert message in line
