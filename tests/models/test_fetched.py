"""Real models that anybody can fetch: compiled, run on every device, compared with LiteRT."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from gles_process import LIBRARIES, GlesProcess, missing
from support.webgpu import webgpu
from tflgpuc.backends.bundle import load
from tflgpuc.backends.runtime.msl import check
from tflgpuc.driver import compile
from tflgpuc.ir.errors import DeviceError
from tflgpuc.verification import verify

MODELS = (
    "face_detection_short_range",
    "face_landmark",
    "hand_landmark_lite",
    "palm_detection_lite",
    "selfie_segmentation",
)
pytest.importorskip("ai_edge_litert", reason="LiteRT isn't installed")


@pytest.fixture(scope="module")
def bundles(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    made = {}

    def bundle(name, precision="f32"):
        key = f"{name}-{precision}"
        if key not in made:
            # Every pass is checked against the model as imported, as it runs.
            bundle = compile(models[name], precision=precision, check=precision == "f32")
            made[key] = load(bundle.save(folder / key))
        return made[key]

    return bundle


@pytest.mark.parametrize("name", MODELS)
def test_interpreter(name, models, bundles):
    rows = verify(models[name], bundles(name))
    assert rows
    assert all(row.passed for row in rows), rows


@pytest.mark.parametrize("precision", ["f32", "f16"])
@pytest.mark.parametrize("name", MODELS)
def test_mesa(name, precision, models, bundles):
    if missing("system"):
        pytest.skip(missing("system"))
    rows = verify(models[name], bundles(name, precision), device="gles")
    assert all(row.passed for row in rows), rows


@pytest.mark.parametrize("precision", ["f32", "f16"])
@pytest.mark.parametrize("name", MODELS)
def test_metal(name, precision, models, bundles):
    try:
        rows = verify(models[name], bundles(name, precision), device="msl")
    except DeviceError as error:
        if "needs clang" in str(error):
            pytest.skip(str(error))
        raise
    assert all(row.passed for row in rows), rows


@pytest.mark.parametrize("precision", ["f32", "f16"])
def test_webgpu(precision, models):
    webgpu()
    model = models["selfie_segmentation"]
    bundle = compile(model, precision=precision, target="webgpu", emit=["wgsl"])
    rows = verify(model, bundle, device="wgpu")
    assert all(row.passed for row in rows), rows


@pytest.mark.parametrize("library", ["angle-lavapipe", "angle-swiftshader"])
@pytest.mark.parametrize("name", MODELS)
def test_angle(name, library, models, bundles):
    """In a process of its own: one can hold only one GL library."""
    if missing(library):
        pytest.skip(missing(library))
    folder = bundles(name).folder
    command = [
        sys.executable,
        "-m",
        "tflgpuc",
        "verify",
        str(models[name]),
        str(folder),
        "--device",
        "gles",
    ]
    made = subprocess.run(
        [*command, "--library", library], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr


@pytest.mark.parametrize("library", LIBRARIES)
def test_no_driver_warns(library, bundles):
    if missing(library):
        pytest.skip(missing(library))
    with GlesProcess(library) as device:
        for name in MODELS:
            for path in sorted(bundles(name).folder.glob("glsl/*.comp")):
                device.call("compile", path.stem, path.read_text())
        assert device.get("warnings") == []


@pytest.mark.parametrize("name", MODELS)
def test_glslang_accepts_every_shader(name, bundles):
    glslang = shutil.which("glslangValidator")
    if glslang is None:
        pytest.skip("glslangValidator isn't installed")
    folder = bundles(name).folder
    for path in sorted(folder.glob("glsl/*.comp")):
        made = subprocess.run(
            [glslang, "-S", "comp", path], capture_output=True, text=True, check=False
        )
        assert made.returncode == 0, made.stdout
        assert "WARNING" not in made.stdout


@pytest.mark.parametrize("name", MODELS)
def test_metal_is_clean_with_real_address_spaces(name, bundles):
    bundle = bundles(name)
    (path,) = {p["entry"]["msl"]["file"] for p in bundle.manifest["programs"]}
    try:
        assert check(bundle.text(path), path) == ""
    except DeviceError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", MODELS)
def test_memory_meets_the_lower_bound(name, bundles):
    memory = bundles(name).manifest["memory"]
    assert memory["arena_bytes"] == memory["lower_bound_bytes"] > 0


def test_every_source_op_is_in_the_schedule(models, bundles):
    """Each operator that computes something stands behind some step."""
    manifest = bundles("face_landmark").manifest
    named = {s["operator"] for step in manifest["steps"] for s in step["sources"]}
    opcodes = {s["opcode"] for step in manifest["steps"] for s in step["sources"]}
    assert {"CONV_2D", "DEPTHWISE_CONV_2D", "PRELU", "ADD"} <= opcodes
    assert len(named) > 80
