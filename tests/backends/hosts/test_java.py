"""The Java host: compiled without a warning, run on a desktop's Java over stubs, equal to the runner."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

import support.host_models as small
from gles_process import missing
from support.android_signatures import why_no_signatures, write_signatures
from support.cpp_driver import COMPILERS, build
from support.java_driver import Desktop, android_jars, compile_java, desktop, stubs, why_not
from tflgpuc.backends.bundle import Bundle
from tflgpuc.backends.hosts import HOSTS
from tflgpuc.driver import compile
from tflgpuc.ir.errors import LimitError

NO_GLES = missing("system")
MODELS = ("conv", "types", "passing_through", "states", "oddly_named")
WITH_SEGMENTS = ("doubles", "states_across")
pytestmark = pytest.mark.skipif(why_not(False) is not None, reason=str(why_not(False)))
runs = pytest.mark.skipif(
    (NO_GLES or why_not(True)) is not None, reason=str(NO_GLES or why_not(True))
)


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> Desktop:
    return desktop(tmp_path_factory.mktemp("java"))


def bundle_of(name: str, space: str = "small") -> Bundle:
    made = getattr(small, name)()
    target = small.TARGET if name in WITH_SEGMENTS else small.DEFAULT
    return compile(made, target=target, hosts=("java",), name=space)


def built(java: Desktop, bundle: Bundle, tmp_path: Path) -> Path:
    """The classes of the bundle's host; the bundle is saved beside them."""
    folder = bundle.save(tmp_path / "bundle")
    compile_java(sorted((folder / "host").rglob("*.java")), tmp_path / "classes", [java.classes])
    return tmp_path / "classes"


def check(java: Desktop, bundle: Bundle, tmp_path: Path, runs: int = 1) -> list[str]:
    inputs = small.inputs_of(bundle)
    outputs, lines = java.run(built(java, bundle, tmp_path), bundle, inputs, tmp_path, runs)
    for name, array in small.on_gles(bundle, inputs, runs).items():
        np.testing.assert_array_equal(outputs[name], array, name)
    assert "closed the model is closed" in lines
    assert "arrays same" in lines
    return [line for line in lines if line.startswith("gpu ")]


@runs
@pytest.mark.parametrize("name", MODELS)
def test_a_small_model(java, name, tmp_path):
    assert set(check(java, bundle_of(name), tmp_path)) == {"gpu same"}


@runs
def test_states_are_kept(java, tmp_path):
    check(java, bundle_of("states"), tmp_path, runs=3)


@runs
def test_segments_run_between_dispatches(java, tmp_path):
    pytest.importorskip("ai_edge_litert", reason="the runner needs it")
    bundle = bundle_of("doubles")
    assert "segment" in [step["type"] for step in bundle.manifest["steps"]]
    assert check(java, bundle, tmp_path, runs=2) == ["gpu same", "gpu same"]


@runs
@pytest.mark.parametrize("name", WITH_SEGMENTS)
def test_segments_run_through_the_glue(java, name, tmp_path):
    """The stand-in for TensorFlow Lite gives what it gets."""
    pytest.importorskip("ai_edge_litert", reason="the runner needs it")
    bundle = bundle_of(name)
    inputs = small.inputs_of(bundle)
    classes = built(java, bundle, tmp_path)
    outputs, lines = java.run(classes, bundle, inputs, tmp_path, 2, ["glue=true"])
    for name, array in small.on_gles(bundle, inputs, 2).items():
        np.testing.assert_array_equal(outputs[name], array, name)
    assert lines.count("gpu same") == 2


def test_a_bundle_without_segments_has_no_glue():
    names = [f["path"] for f in bundle_of("conv").manifest["files"]]
    assert [n for n in names if n.startswith("host/")] == ["host/java/small/Model.java"]


# --- the cache ---


@pytest.fixture
def cached(java, tmp_path):
    """A bundle, its classes, and a cache that a first run has filled."""
    bundle = bundle_of("conv")
    classes = built(java, bundle, tmp_path)
    folder = tmp_path / "cache"
    folder.mkdir()
    _, lines = java.run(
        classes, bundle, small.inputs_of(bundle), tmp_path, properties=[f"cache={folder}"]
    )
    assert "cached 0" in lines
    if not list(folder.iterdir()):
        pytest.skip("this driver gives no program binaries")
    (file,) = folder.iterdir()
    return bundle, classes, file


def again(java: Desktop, cached: tuple[Bundle, Path, Path], tmp_path: Path) -> str:
    bundle, classes, file = cached
    inputs = small.inputs_of(bundle)
    properties = [f"cache={file.parent}"]
    outputs, lines = java.run(classes, bundle, inputs, tmp_path, properties=properties)
    for name, array in small.on_gles(bundle, inputs).items():
        np.testing.assert_array_equal(outputs[name], array, name)
    return next(line for line in lines if line.startswith("cached "))


@runs
def test_programs_come_from_the_cache(java, cached, tmp_path):
    bundle, _, file = cached
    for shader in (tmp_path / "bundle" / "glsl").iterdir():
        shader.unlink()
    assert again(java, cached, tmp_path) == f"cached {len(bundle.manifest['programs'])}"
    assert [file] == list(file.parent.iterdir())


@runs
@pytest.mark.parametrize("damage", ["empty", "short", "flipped", "other driver"])
def test_a_damaged_cache_is_made_anew(java, cached, tmp_path, damage):
    _, _, file = cached
    whole = file.read_bytes()
    file.write_bytes(
        {
            "empty": b"",
            "short": whole[:-1],
            "flipped": whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:],
            "other driver": whole.replace(b"\n", b"\r", 1),
        }[damage]
    )
    assert again(java, cached, tmp_path) == "cached 0"
    assert file.read_bytes() == whole


@runs
def test_the_cpp_host_reads_the_same_cache(java, cached, tmp_path):
    bundle, _, file = cached
    both = compile(small.conv(), hosts=("cpp",), name="small")
    (tmp_path / "cpp").mkdir()
    folder = both.save(tmp_path / "cpp" / "bundle")
    program = build(both, folder, tmp_path / "cpp", COMPILERS[0])
    ran = program.run(small.inputs_of(both), tmp_path / "cpp", cache=str(file.parent))
    assert ran.printed["cached"] == [str(len(bundle.manifest["programs"]))]


@runs
def test_a_result_of_a_size_that_the_run_finds(java, tmp_path):
    """The driver's segment gives what it gets."""
    bundle = bundle_of("places")
    assert bundle.manifest["outputs"][0]["shape"] == [-1, 1]
    x = np.array([1, 0, 0, 1, 1, 0], bool)
    outputs, lines = java.run(built(java, bundle, tmp_path), bundle, {"x": x}, tmp_path, 2)
    np.testing.assert_array_equal(outputs["places"], x)
    assert "arrays same" in lines


@runs
def test_a_real_model(java, models, tmp_path):
    bundle = compile(models["face_detection_short_range"], hosts=("java",))
    assert check(java, bundle, tmp_path) == ["gpu same", "gpu same"]


# --- what goes wrong ---


def fails(java: Desktop, tmp_path: Path, bundle: Bundle, classes: Path) -> str:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        java.run(classes, bundle, small.inputs_of(bundle), tmp_path)
    return str(caught.value.stderr)


@runs
def test_a_refused_shader_comes_with_the_drivers_log(java, tmp_path):
    bundle = bundle_of("conv")
    classes = built(java, bundle, tmp_path)
    shader = next((tmp_path / "bundle" / "glsl").iterdir())
    shader.write_text(shader.read_text().replace("void main() {", "void main() {\n  nonsense;"))
    message = fails(java, tmp_path, bundle, classes)
    assert f"{shader.stem}: " in message and "refuses to compile it:" in message
    assert "nonsense" in message


@runs
def test_missing_files_and_wrong_weights(java, tmp_path):
    bundle = bundle_of("conv")
    classes = built(java, bundle, tmp_path)
    weights = tmp_path / "bundle" / "weights.bin"
    whole = weights.read_bytes()
    for other in (whole[:-1], whole + b"\0"):
        weights.write_bytes(other)
        assert "weights.bin isn't this model's" in fails(java, tmp_path, bundle, classes)
    weights.unlink()
    assert "can't read the bundle: " in fails(java, tmp_path, bundle, classes)


@runs
def test_an_array_of_another_size(java, tmp_path):
    bundle = bundle_of("conv")
    classes = built(java, bundle, tmp_path)
    with pytest.raises(subprocess.CalledProcessError) as caught:
        java.run(classes, bundle, {"image": np.zeros(3, np.float32)}, tmp_path)
    assert caught.value.stderr == "input image isn't what the model has\n"


# --- the text ---


@pytest.mark.parametrize("name", [*MODELS, *WITH_SEGMENTS, "places"])
def test_it_compiles_without_a_warning(name, tmp_path):
    folder = bundle_of(name).save(tmp_path / "bundle")
    compile_java(
        [*stubs(), *stubs("tflite"), *sorted((folder / "host").rglob("*.java"))],
        tmp_path / "classes",
    )


@pytest.mark.parametrize("name", [*MODELS, *WITH_SEGMENTS, "places"])
def test_it_compiles_against_android(name, tmp_path):
    """With the real API, where a machine has it."""
    jars = android_jars()
    if not jars:
        pytest.skip("no android.jar: set ANDROID_JAR or ANDROID_HOME")
    folder = bundle_of(name).save(tmp_path / "bundle")
    for jar in jars:
        sources = [*stubs("tflite"), *sorted((folder / "host").rglob("*.java"))]
        compile_java(sources, tmp_path / "classes", [jar])


@pytest.mark.parametrize("name", [*MODELS, *WITH_SEGMENTS, "places"])
def test_it_compiles_against_androids_signatures(name, tmp_path):
    """Those of API 36, as chaquopy-stubs-android has them."""
    if why_no_signatures() is not None:
        pytest.skip(str(why_no_signatures()))
    folder = bundle_of(name).save(tmp_path / "bundle")
    made = write_signatures(tmp_path / "stubs")
    hosts = sorted((folder / "host").rglob("*.java"))
    compile_java([*made, *stubs("tflite"), *hosts], tmp_path / "classes")


def test_the_name_becomes_a_package():
    files = [f["path"] for f in bundle_of("conv", "class.1-b").manifest["files"]]
    assert "host/java/class_1_b/Model.java" in files
    files = [f["path"] for f in bundle_of("conv", "java").manifest["files"]]
    assert "host/java/java_1/Model.java" in files


def test_many_launches_are_several_methods(tmp_path):
    """A method of Java's is at most 64 KiB long."""
    bundle = bundle_of("conv")
    steps = bundle.manifest["steps"] * 150
    made = HOSTS["java"](bundle.manifest | {"steps": steps}, bundle)["small/Model.java"]
    assert [made.count(f"void steps{i}() {{") for i in range(4)] == [1, 1, 1, 0]
    (tmp_path / "Model.java").write_text(made)
    compile_java([*stubs(), tmp_path / "Model.java"], tmp_path / "classes")


def test_buffers_of_2_gib_are_refused():
    bundle = bundle_of("conv")
    buffers = [b | {"bytes": 2**31} for b in bundle.manifest["buffers"]]
    with pytest.raises(LimitError, match="a Java host takes less than 2 GiB"):
        HOSTS["java"](bundle.manifest | {"buffers": buffers}, bundle)
