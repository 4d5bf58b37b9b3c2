"""The optional zoo: what imports round-trips as text; the classic float models match on every device."""

from __future__ import annotations

from pathlib import Path

import pytest

from gles_process import missing
from support.models import zoo_models
from tflgpuc.driver import compile
from tflgpuc.frontend import import_model
from tflgpuc.ir.errors import ModelError, TflgpucError
from tflgpuc.ir.graph.parse import parse_module
from tflgpuc.ir.graph.text import constants_of, print_module
from tflgpuc.verification import verify

pytestmark = pytest.mark.zoo
CLASSICS = (
    "mobilenet_v1_1.0_224_float",
    "posenet_mobilenet_v1_075_353x257_multi_float",
    "posenet_mobilenet_v1_100_257x257_float",
    "deeplabv3_257_mv_gpu",
    "ssd_mobilenet_v1_coco_300_float_raw",
    "face_detection_short_range_fp16",
    "face_landmark_f32",
    "selfie_segmentation_fp16",
    "portrait_slimnet_512_f32",
    "hand_landmark_lite_fp16",
    "pose_landmark_lite_fp16",
    "style_transfer_f16_384",
)
FILES = {path.stem: path for path in zoo_models()}


@pytest.mark.parametrize("name", FILES or ["no zoo"])
def test_text_round_trips(name):
    try:
        module = import_model(FILES[name])
    except ModelError:
        return
    text = print_module(module)
    assert print_module(parse_module(text, constants_of(module))) == text


@pytest.mark.parametrize("name", FILES or ["no zoo"])
def test_compiles_or_says_why_not(name):
    """Small models only: the point is that no file gives anything but a bundle or a clear error."""
    if FILES[name].stat().st_size > 300_000:
        pytest.skip("large models are compiled by the tests of the classics")
    try:
        problems = []
        compile(FILES[name])
    except TflgpucError as error:
        problems = list(error.problems)
    assert all(problem.startswith(FILES[name].name) for problem in problems)


@pytest.mark.parametrize("name", CLASSICS)
def test_classics_on_the_interpreter(name):
    rows = verify(_file(name), compile(_file(name)))
    assert all(row.passed for row in rows), rows


@pytest.mark.parametrize("name", CLASSICS)
def test_classics_on_mesa(name, request):
    if missing("system"):
        pytest.skip(missing("system"))
    images = _file(name).parent / "inputs"
    sweep = request.config.getoption("--sweep") and images.is_dir()
    rows = verify(
        _file(name), compile(_file(name)), device="gles", inputs=images if sweep else None
    )
    assert all(row.passed for row in rows), rows


def test_mobilenet_is_one_dispatch_an_op():
    manifest = compile(_file("mobilenet_v1_1.0_224_float")).manifest
    # 15 convolutions, 13 depthwise ones, a pooling, a softmax, one copy in and one out.
    assert len(manifest["steps"]) <= 15 + 13 + 1 + 1 + 2
    assert manifest["memory"]["arena_bytes"] == manifest["memory"]["lower_bound_bytes"]


def _file(name: str) -> Path:
    if name not in FILES:
        pytest.skip(f"the zoo has no {name}")
    return FILES[name]
