"""Real image models take RGBA8 images: no dispatch more, and LiteRT's numbers after the same in NumPy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gles_process import missing
from support.models import zoo_models
from tflgpuc.backends.bundle import Bundle
from tflgpuc.driver import compile
from tflgpuc.frontend import import_model
from tflgpuc.verification import verify

pytestmark = pytest.mark.zoo
FILES = {path.stem: path for path in zoo_models()}
SIGNED, UNSIGNED = "rgba8,scale=1/127.5,bias=-1", "rgba8,scale=1/255"
RESIZED = f"{SIGNED},size=320x240"
MODELS = {
    "mobilenet_v1_1.0_224_float": SIGNED,
    "selfie_segmentation_fp16": UNSIGNED,
    "face_detection_short_range_fp16": RESIZED,
    "deeplabv3_257_mv_gpu": RESIZED,
    "pose_landmark_lite_fp16": f"{UNSIGNED},order=bgr",
    "hand_landmark_lite_fp16": f"{UNSIGNED},size=320x240,resize=nearest",
    "face_landmark_f32": SIGNED,
    "iris_landmark_f32": UNSIGNED,
    "mobilenet_v2_1.0_224_uint8": "rgba8",
}
ON_INTERPRETER = ("mobilenet_v1_1.0_224_float", "face_detection_short_range_fp16")


def _file(name: str) -> Path:
    if name not in FILES:
        pytest.skip(f"the zoo has no {name}")
    return FILES[name]


def _bundle(name: str) -> Bundle:
    (port,) = import_model(_file(name)).main.input_names
    return compile(_file(name), input_formats={port: MODELS[name]}, emit=("glsl",), cpu=False)


def _verified(name: str, device: str, tmp_path: Path) -> None:
    """On random bytes and, where the zoo has images, on one of them."""
    for image in sorted((_file(name).parent / "inputs").glob("*.bmp"))[:1]:
        shutil.copy(image, tmp_path)
    rows = verify(_file(name), _bundle(name), device=device, inputs=tmp_path)
    assert all(row.passed for row in rows), rows


@pytest.mark.parametrize("name", MODELS)
def test_no_dispatch_more(name):
    plain = compile(_file(name), emit=("glsl",), cpu=False).manifest
    made = _bundle(name).manifest
    assert len(made["steps"]) <= len(plain["steps"])
    (port,) = made["inputs"]
    assert port["dtype"] == "u8" and port["shape"][3] == 4
    assert port["bytes"] == port["shape"][1] * port["shape"][2] * 4
    (entry,) = made["formats"]["inputs"]
    assert entry["shape"] == plain["inputs"][0]["shape"]


@pytest.mark.parametrize("name", ON_INTERPRETER)
def test_on_the_interpreter(name, tmp_path):
    _verified(name, "interpreter", tmp_path)


@pytest.mark.parametrize("name", MODELS)
def test_on_mesa(name, tmp_path):
    if missing("system"):
        pytest.skip(missing("system"))
    _verified(name, "gles", tmp_path)


def test_a_mask_as_an_image(tmp_path):
    """Image in, image out, on every side: what segmentation in an app looks like."""
    file = _file("selfie_segmentation_fp16")
    graph = import_model(file).main
    (given,), (made,) = graph.input_names, graph.output_names
    bundle = compile(
        file, input_formats={given: UNSIGNED}, output_formats={made: "rgba8,scale=255"}
    )
    (port,) = bundle.manifest["outputs"]
    assert (port["dtype"], port["shape"][3]) == ("u8", 4)
    if missing("system"):
        pytest.skip(missing("system"))
    rows = verify(file, bundle, device="gles")
    assert all(row.passed for row in rows), rows
