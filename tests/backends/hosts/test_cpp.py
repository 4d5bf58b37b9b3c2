"""The C++ host: compiled without a warning, run on Mesa, equal to the Python runner."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import support.host_models as small
from gles_process import LIBRARIES, missing
from support.cpp_driver import (
    COMPILERS,
    FAKE_TFLITE,
    SANITIZERS,
    Program,
    build,
    compile_cpp,
    cpp_files,
    object_size,
)
from support.models import zoo
from tflgpuc.backends.bundle import Bundle, load
from tflgpuc.backends.runtime.gles_library import choose_library
from tflgpuc.driver import compile
from tflgpuc.ir.errors import UsageError

NO_GLES = missing("system")
pytestmark = [
    pytest.mark.skipif(not COMPILERS, reason="no C++ compiler"),
    pytest.mark.skipif(NO_GLES is not None, reason=str(NO_GLES)),
]
MODELS = ("conv", "types", "passing_through", "states", "oddly_named")
LARGEST_OBJECT = 30 * 1024


@cache
def sanitizes(compiler: str) -> bool:
    """Whether the compiler has the sanitizers' libraries."""
    command = [compiler, "-x", "c++", "-", *SANITIZERS, "-o", "/dev/null"]
    return subprocess.run(command, input=b"int main() {}", capture_output=True).returncode == 0


def built(
    bundle: Bundle, tmp_path: Path, compiler: str = "", *flags: str, **options: bool
) -> Program:
    folder = bundle.save(tmp_path / "bundle")
    return build(bundle, folder, tmp_path, compiler or COMPILERS[0], flags, **options)


def check(program: Program, tmp_path: Path, runs: int = 1) -> dict[str, list[str]]:
    """Runs the program, compares with the GLES runner, and gives what it printed."""
    inputs = small.inputs_of(program.bundle)
    ran = program.run(inputs, tmp_path, runs=runs)
    expected = small.on_gles(program.bundle, inputs, runs)
    assert ran.outputs.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(ran.outputs[name], array, name)
    assert ran.printed["closed"] == ["the model is closed"]
    return ran.printed


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_small_model(compiler, name, tmp_path):
    bundle = small.bundle_of(getattr(small, name)())
    printed = check(built(bundle, tmp_path, compiler, gpu=True), tmp_path)
    assert set(printed["gpu"]) == {"same"}


@pytest.mark.parametrize("name", [*MODELS, "doubles"])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_under_sanitizers(compiler, name, tmp_path):
    if not sanitizes(compiler):
        pytest.skip(f"{compiler} has no sanitizers")
    bundle = small.bundle_of(getattr(small, name)(), segments=name == "doubles")
    flags = (*SANITIZERS, f"-I{FAKE_TFLITE}")
    check(built(bundle, tmp_path, compiler, *flags, gpu=True, embedded=True), tmp_path)


def test_states_are_kept(tmp_path):
    bundle = small.bundle_of(small.states())
    assert len(bundle.manifest["states"]) == 2
    check(built(bundle, tmp_path), tmp_path, runs=3)


@pytest.mark.parametrize("embedded", [False, True])
def test_segments_run_between_dispatches(tmp_path, embedded):
    """Its segment gives what it gets, as the stand-in for TensorFlow Lite does."""
    pytest.importorskip("ai_edge_litert", reason="the runner needs it")
    bundle = small.bundle_of(small.doubles(), segments=True)
    kinds = [step["type"] for step in bundle.manifest["steps"]]
    assert "dispatch" in kinds[: kinds.index("segment")]
    program = built(bundle, tmp_path, "", f"-I{FAKE_TFLITE}", gpu=True, embedded=embedded)
    assert check(program, tmp_path, runs=2)["gpu"] == ["same", "same"]


def test_states_that_change_sides(tmp_path):
    pytest.importorskip("ai_edge_litert", reason="the runner needs it")
    bundle = small.bundle_of(small.states_across(), segments=True)
    program = built(bundle, tmp_path, "", f"-I{FAKE_TFLITE}", gpu=True)
    assert check(program, tmp_path)["gpu"] == ["same", "same"]
    check(program, tmp_path, runs=3)
    inputs = small.inputs_of(bundle)
    for name, sum in small.on_gles(bundle, inputs, 3).items():
        np.testing.assert_allclose(sum, 3 * inputs["x"], rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_segment_that_fails(compiler, tmp_path):
    """The stand-in takes floats only; the result's size would be known after a run."""
    bundle = small.bundle_of(small.places())
    assert bundle.manifest["outputs"][0]["shape"] == [-1, 1]
    program = built(bundle, tmp_path, compiler, f"-I{FAKE_TFLITE}")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        program.run({"x": np.ones(6, bool)}, tmp_path)
    assert caught.value.stderr == "cpu/segment_0.tflite: TensorFlow Lite can't run it\n"


def test_a_bundle_without_segments_has_no_glue():
    _, files = cpp_files(small.bundle_of(small.conv()))
    assert sorted(files) == ["small.hpp", "small_embedded.cpp"]


def test_an_embedded_bundle_needs_no_files(tmp_path):
    bundle = small.bundle_of(small.conv())
    program = built(bundle, tmp_path, embedded=True)
    shutil.rmtree(tmp_path / "bundle")
    check(program, tmp_path)


# --- a real model, and other drivers ---


@pytest.fixture(scope="module")
def face(models):
    return compile(models["face_detection_short_range"], hosts=("cpp",))


@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_real_model(compiler, face, tmp_path):
    assert check(built(face, tmp_path, compiler, "-O2", gpu=True), tmp_path)["gpu"] == ["same"] * 2


@pytest.mark.parametrize("library", [name for name in LIBRARIES if name != "system"])
def test_a_real_model_on_angle(library, face, tmp_path):
    reason = missing(library)
    if reason:
        pytest.skip(reason)
    chosen = choose_library(library)
    inputs = small.inputs_of(face)
    ran = built(face, tmp_path).run(
        inputs,
        tmp_path,
        library=str(chosen.folder),
        VK_DRIVER_FILES=str(chosen.icd),
        VK_ICD_FILENAMES=str(chosen.icd),
    )
    for name, array in small.on_gles(face, inputs).items():
        np.testing.assert_allclose(ran.outputs[name], array, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.zoo
def test_an_object_of_mobilenet_is_small(compiler, tmp_path):
    model = zoo() / "mobilenet_v1_1.0_224_float.tflite"
    if not model.is_file():
        pytest.skip("the zoo has no MobileNet")
    assert object_size(compile(model, hosts=("cpp",)), compiler, tmp_path) < LARGEST_OBJECT


@pytest.mark.parametrize("compiler", COMPILERS)
def test_an_object_is_small(compiler, face, tmp_path):
    assert object_size(face, compiler, tmp_path) < LARGEST_OBJECT


# --- the cache ---


@pytest.fixture
def cached(tmp_path):
    """A program, its inputs, and a cache that it has filled."""
    bundle = small.bundle_of(small.conv())
    program, inputs = built(bundle, tmp_path), small.inputs_of(bundle)
    folder = tmp_path / "cache"
    folder.mkdir()
    first = program.run(inputs, tmp_path, cache=str(folder))
    assert first.printed["cached"] == ["0"]
    if not list(folder.iterdir()):
        pytest.skip("this driver gives no program binaries")
    (file,) = folder.iterdir()
    return program, inputs, file


def count(bundle: Bundle) -> str:
    return str(len(bundle.manifest["programs"]))


def again(cached, tmp_path: Path, cache: Path | None = None) -> str:
    program, inputs, file = cached
    ran = program.run(inputs, tmp_path, cache=str(cache or file.parent))
    for name, array in small.on_gles(program.bundle, inputs).items():
        np.testing.assert_array_equal(ran.outputs[name], array)
    (found,) = ran.printed["cached"]
    return found


def test_programs_come_from_the_cache(cached, tmp_path):
    program, _, file = cached
    for shader in (tmp_path / "bundle" / "glsl").iterdir():
        shader.unlink()
    assert again(cached, tmp_path) == count(program.bundle)
    assert [file] == list(file.parent.iterdir())


@pytest.mark.parametrize("damage", ["empty", "short", "flipped", "longer", "other driver"])
def test_a_damaged_cache_is_made_anew(cached, tmp_path, damage):
    program, _, file = cached
    whole = file.read_bytes()
    file.write_bytes(
        {
            "empty": b"",
            "short": whole[:-1],
            "flipped": whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:],
            "longer": whole + b"\0",
            "other driver": whole.replace(b"\n", b"\r", 1),
        }[damage]
    )
    assert again(cached, tmp_path) == "0"
    assert file.read_bytes() == whole
    assert again(cached, tmp_path) == count(program.bundle)


def test_a_cache_of_other_shaders_is_another_file(cached, tmp_path):
    _, _, file = cached
    other = small.bundle_of(small.types())
    (tmp_path / "other").mkdir()
    made = built(other, tmp_path / "other")
    ran = made.run(small.inputs_of(other), tmp_path / "other", cache=str(file.parent))
    assert ran.printed["cached"] == ["0"]
    assert len(list(file.parent.iterdir())) == 2


def test_a_folder_that_is_not_there_is_no_cache(cached, tmp_path):
    assert again(cached, tmp_path, tmp_path / "nowhere") == "0"
    assert not (tmp_path / "nowhere").exists()


# --- what goes wrong ---


def fails(program: Program, tmp_path: Path) -> str:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        program.run(small.inputs_of(program.bundle), tmp_path)
    assert caught.value.returncode == 1
    return str(caught.value.stderr)


def test_a_refused_shader_comes_with_the_drivers_log(tmp_path):
    program = built(small.bundle_of(small.conv()), tmp_path)
    shader = next((tmp_path / "bundle" / "glsl").iterdir())
    shader.write_text(shader.read_text().replace("void main() {", "void main() {\n  nonsense;"))
    message = fails(program, tmp_path)
    assert f"{shader.stem}: " in message and "refuses to compile it:" in message
    assert "nonsense" in message


@pytest.mark.parametrize("file", ["weights.bin", "glsl"])
def test_missing_files(tmp_path, file):
    program = built(small.bundle_of(small.conv()), tmp_path)
    path = tmp_path / "bundle" / file
    (path if path.is_file() else next(path.iterdir())).unlink()
    assert "can't read" in fails(program, tmp_path)


def test_weights_of_another_model(tmp_path):
    program = built(small.bundle_of(small.conv()), tmp_path)
    path = tmp_path / "bundle" / "weights.bin"
    path.write_bytes(path.read_bytes()[:-1])
    assert fails(program, tmp_path) == "weights.bin isn't this model's\n"


def test_an_array_of_another_size(tmp_path):
    program = built(small.bundle_of(small.conv()), tmp_path)
    inputs = {"image": np.zeros(3, np.float32)}
    with pytest.raises(subprocess.CalledProcessError) as caught:
        program.run(inputs, tmp_path)
    assert caught.value.stderr == "input image isn't what the model has\n"


def test_a_folder_without_libraries(tmp_path):
    program = built(small.bundle_of(small.conv()), tmp_path)
    with pytest.raises(subprocess.CalledProcessError) as caught:
        program.run(small.inputs_of(program.bundle), tmp_path, library=str(tmp_path))
    assert "no OpenGL ES library" in caught.value.stderr


# --- an app's own context and buffers ---

TWO_MODELS = """
#include "first.hpp"
#include "second.hpp"

// Another file of the app may include them too.
#include "first.hpp"

int main(int, char** folders) {
  first::HeadlessContext context;
  first::Model sum(context.gl(), first::directory(folders[1]));
  second::Gl gl([](const char* name) { return dlsym(RTLD_DEFAULT, name); });
  second::Model again(gl, second::directory(folders[2]));
  const std::vector<float> x{1, 2};
  std::vector<float> y(2), z(2);
  for (int i = 0; i < 2; i++) {
    first::GpuInputs in;
    gl.bindBuffer(0x8F37, sum.gpu_inputs().x.name);
    gl.bufferSubData(0x8F37, 0, 8, x.data());
    sum.run_on_gpu(in, {});
    second::GpuInputs chained;
    chained.x = {sum.gpu_outputs().y.name, 0};
    again.run_on_gpu(chained, {});
  }
  again.reset();
  sum.run({x}, {y, z});
  std::printf("%g %g %g %g\\n", y[0], y[1], z[0], z[1]);
  again.run({y}, {y, z});
  std::printf("%g %g %g %g\\n", y[0], y[1], z[0], z[1]);
}
"""


def test_two_models_share_a_context_of_the_app(tmp_path):
    flags = []
    for name in ("first", "second"):
        folder = small.bundle_of(small.states(), name=name).save(tmp_path / name)
        flags.append(f"-I{folder / 'host' / 'cpp'}")
    source, program = tmp_path / "app.cpp", tmp_path / "app"
    source.write_text(TWO_MODELS)
    compile_cpp(COMPILERS[0], [*flags, str(source), "-ldl", "-o", str(program)])
    command = [program, tmp_path / "first", tmp_path / "second"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    # y = 4 7, then 1 2 more each run; z is the sum of all y.
    assert done.stdout == "7 13 18 33\n11 20 11 20\n"


# --- the bundle ---


def test_hosts_are_files_of_the_bundle(tmp_path):
    bundle = load(small.bundle_of(small.conv()).save(tmp_path / "out"))
    paths = [f["path"] for f in bundle.manifest["files"]]
    assert "host/cpp/small.hpp" in paths and "host/python/small.py" in paths


def test_hosts_are_the_same_every_time():
    first, second = (small.bundle_of(small.conv()) for _ in range(2))
    assert first.manifest == second.manifest


def test_the_name_becomes_a_namespace():
    space, files = cpp_files(small.bundle_of(small.conv(), name="class.1-b"))
    assert space == "class_1_b" and "namespace class_1_b {" in files["class_1_b.hpp"]
    assert cpp_files(small.bundle_of(small.conv(), name="class"))[0] == "class_1"


def test_refused_hosts():
    with pytest.raises(UsageError, match="no such host: cobol; there are cpp"):
        compile(small.conv(), hosts=("cobol",))
    with pytest.raises(UsageError, match="the host needs glsl: add it to --emit"):
        compile(small.conv(), hosts=("cpp",), emit=("msl",))


def test_the_command_prints_hosts(tmp_path):
    model, out = tmp_path / "m.tflite", tmp_path / "out"
    model.write_bytes(small.conv())
    command = [sys.executable, "-m", "tflgpuc", model, "-o", out, "--host", "cpp, python"]
    subprocess.run(command, check=True)
    assert (out / "host/cpp/m.hpp").is_file() and (out / "host/python/m.py").is_file()
