"""The Python host: one module, imported without tflgpuc, equal to the runner that reads the manifest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import support.host_models as small
from gles_process import LIBRARIES, missing
from tflgpuc.backends.bundle import Bundle
from tflgpuc.backends.runtime.gles_library import choose_library
from tflgpuc.driver import compile

NO_GLES = missing("system")
pytestmark = pytest.mark.skipif(NO_GLES is not None, reason=str(NO_GLES))
MODELS = ("conv", "types", "passing_through", "states", "oddly_named")

PRELUDE = """
import importlib, sys
import numpy as np
folder, given, wanted = sys.argv[1:4]
sys.path.insert(0, folder + "/host/python")
host = importlib.import_module(sys.argv[4])
inputs = {name: array for name, array in zip(host.INPUTS, np.load(given).values())}
def save(outputs):
    np.savez(wanted, *outputs.values())
"""

RUNS = """
with host.HeadlessContext(*sys.argv[5:]) as context, host.Model(context.gl) as model:
    own = {n: np.empty(t.shape, t.dtype) for n, t in host.OUTPUTS.items()}
    for _ in range(3):
        outputs = model.run(inputs)
    save(outputs)
    model.reset()
    first = model.run(inputs)
    model.reset()
    assert model.run(inputs, own)[next(iter(own))] is next(iter(own.values()))
    for name, array in first.items():
        np.testing.assert_array_equal(own[name], array)
assert not [name for name in sys.modules if name.startswith(("tflgpuc", "OpenGL"))]
try:
    model.run(inputs)
except host.Error as error:
    assert str(error) == "the model is closed"
else:
    raise AssertionError("a closed model runs")
"""

# From buffers of its own to its own, and from one model's to another's.
ON_GPU = """
import ctypes
with host.HeadlessContext() as context, host.Model(context.gl) as model:
    gl = context.gl
    names = (ctypes.c_uint * (len(host.INPUTS) + len(host.OUTPUTS)))()
    gl.glGenBuffers(len(names), names)
    given, made, left = {}, {}, list(names)
    for name, tensor in host.INPUTS.items():
        array = np.ascontiguousarray(inputs[name])
        if tensor.place is None:
            given[name] = array
            continue
        given[name] = host.Buffer(left.pop(), 256)
        gl.glBindBuffer(0x8F37, given[name].name)
        gl.glBufferData(0x8F37, 256 + tensor.place[2], None, 0x88EA)
        gl.glBufferSubData(0x8F37, 256, array.nbytes, array.ctypes.data)
    for name, tensor in host.OUTPUTS.items():
        if tensor.place is None:
            made[name] = np.empty(tensor.shape, tensor.dtype)
            continue
        made[name] = host.Buffer(left.pop(), 256)
        gl.glBindBuffer(0x8F37, made[name].name)
        gl.glBufferData(0x8F37, 256 + tensor.place[2], None, 0x88EA)
    model.run_on_gpu(given, made)
    for name, buffer in made.items():
        if not isinstance(buffer, host.Buffer):
            continue
        tensor = host.OUTPUTS[name]
        made[name] = array = np.empty(tensor.shape, tensor.dtype)
        gl.glBindBuffer(0x8F36, buffer.name)
        address = gl.glMapBufferRange(0x8F36, 256, array.nbytes, 1)
        ctypes.memmove(array.ctypes.data, address, array.nbytes)
        gl.glUnmapBuffer(0x8F36)
    save(made)
    own = model.gpu_buffers()
    assert all(name in own for name, tensor in host.OUTPUTS.items() if tensor.place)
"""

CACHED = """
with host.HeadlessContext() as context:
    with host.Model(context.gl, cache_directory=sys.argv[5]) as model:
        print(model.cached_programs)
        save(model.run(inputs))
"""


class Ran:
    """A bundle's host run by a script in a process of its own."""

    def __init__(self, bundle: Bundle, tmp_path: Path) -> None:
        self.bundle = bundle
        self.folder = bundle.save(tmp_path / "bundle")
        (module,) = (self.folder / "host" / "python").iterdir()
        self.module = module.stem
        self.tmp_path = tmp_path
        self.inputs = small.inputs_of(bundle)

    def __call__(self, script: str, *arguments: object, **environment: str) -> str:
        """Runs the script; its output. Raises CalledProcessError where it fails."""
        given, wanted = self.tmp_path / "given.npz", self.tmp_path / "wanted.npz"
        np.savez(given, *self.inputs.values())
        command = [sys.executable, "-c", PRELUDE + script, self.folder, given, wanted, self.module]
        done = subprocess.run(
            [str(c) for c in (*command, *arguments)],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | environment,
        )
        if done.returncode:
            raise subprocess.CalledProcessError(
                done.returncode, command[0], done.stdout, done.stderr[-3000:]
            )
        return done.stdout

    def check(self, expected: dict[str, Any], **tolerance: float) -> None:
        """Compares what the script saved."""
        made = np.load(self.tmp_path / "wanted.npz")
        for array, (name, right) in zip(made.values(), expected.items(), strict=True):
            if tolerance:
                np.testing.assert_allclose(array, right, **tolerance)
            else:
                np.testing.assert_array_equal(array, right, name)


@pytest.mark.parametrize("name", MODELS)
def test_a_small_model(name, tmp_path):
    ran = Ran(small.bundle_of(getattr(small, name)()), tmp_path)
    ran(RUNS)
    ran.check(small.on_gles(ran.bundle, ran.inputs, runs=3))


@pytest.mark.parametrize("name", MODELS)
def test_on_buffers(name, tmp_path):
    ran = Ran(small.bundle_of(getattr(small, name)()), tmp_path)
    ran(ON_GPU)
    ran.check(small.on_gles(ran.bundle, ran.inputs))


@pytest.mark.parametrize("script", [RUNS, ON_GPU])
def test_segments_are_run_by_litert(tmp_path, script):
    pytest.importorskip("ai_edge_litert")
    ran = Ran(small.bundle_of(small.doubles(), segments=True), tmp_path)
    ran(script)
    ran.check(small.on_gles(ran.bundle, ran.inputs))


def test_a_result_of_a_size_that_the_run_finds(tmp_path):
    pytest.importorskip("ai_edge_litert")
    ran = Ran(small.bundle_of(small.places()), tmp_path)
    assert ran.bundle.manifest["outputs"][0]["shape"] == [-1, 1]
    ran.inputs["x"] = np.array([1, 0, 0, 1, 1, 0], bool)
    ran("""
with host.HeadlessContext() as context, host.Model(context.gl) as model:
    save(model.run(inputs))
""")
    ran.check({"places": np.array([[0], [3], [4]])})


@pytest.mark.parametrize("library", [None, *LIBRARIES[1:]])
def test_a_real_model(library, models, tmp_path):
    ran = Ran(compile(models["face_detection_short_range"], hosts=("python",)), tmp_path)
    if library is None:
        ran(RUNS)
        ran.check(small.on_gles(ran.bundle, ran.inputs))
        return
    reason = missing(library)
    if reason:
        pytest.skip(reason)
    chosen = choose_library(library)
    icd = str(chosen.icd)
    ran(RUNS, chosen.folder, VK_DRIVER_FILES=icd, VK_ICD_FILENAMES=icd)
    ran.check(small.on_gles(ran.bundle, ran.inputs), rtol=1e-4, atol=1e-3)


def test_programs_are_cached(tmp_path):
    ran = Ran(small.bundle_of(small.conv()), tmp_path)
    cache = tmp_path / "cache"
    cache.mkdir()
    count = str(len(ran.bundle.manifest["programs"]))
    assert ran(CACHED, cache).strip() == "0"
    if not list(cache.iterdir()):
        pytest.skip("this driver gives no program binaries")
    shutil.rmtree(ran.folder / "glsl")
    assert ran(CACHED, cache).strip() == count
    ran.check(small.on_gles(ran.bundle, ran.inputs))


@pytest.mark.parametrize("damage", ["empty", "short", "flipped"])
def test_a_damaged_cache_is_made_anew(tmp_path, damage):
    ran = Ran(small.bundle_of(small.conv()), tmp_path)
    cache = tmp_path / "cache"
    cache.mkdir()
    ran(CACHED, cache)
    files = list(cache.iterdir())
    if not files:
        pytest.skip("this driver gives no program binaries")
    whole = files[0].read_bytes()
    flipped = whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]
    files[0].write_bytes({"empty": b"", "short": whole[:-1], "flipped": flipped}[damage])
    assert ran(CACHED, cache).strip() == "0"
    assert files[0].read_bytes() == whole


def test_a_refused_shader_comes_with_the_drivers_log(tmp_path):
    ran = Ran(small.bundle_of(small.conv()), tmp_path)
    shader = next((ran.folder / "glsl").iterdir())
    shader.write_text(shader.read_text().replace("void main() {", "void main() {\n  nonsense;"))
    with pytest.raises(subprocess.CalledProcessError) as caught:
        ran(RUNS)
    assert f"Error: {shader.stem}: " in caught.value.stderr
    assert "refuses to compile it:" in caught.value.stderr and "nonsense" in caught.value.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("inputs.clear()", "inputs are image; these are "),
        ("inputs['image'] = inputs['image'][0]", "image is float32 [1, 6, 7, 2], not float32 [6,"),
        ("inputs['image'] = np.zeros((1, 6, 7, 2))", "not float64"),
    ],
)
def test_wrong_inputs(tmp_path, change, message):
    ran = Ran(small.bundle_of(small.conv()), tmp_path)
    with pytest.raises(subprocess.CalledProcessError) as caught:
        ran(f"{change}\n{RUNS}")
    assert message in caught.value.stderr
