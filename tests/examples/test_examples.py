"""Every example runs as a newcomer would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from support.models import NO_ZOO, zoo
from tflgpuc.backends.bundle import load

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name, *args):
    command = [sys.executable, str(EXAMPLES / name), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=EXAMPLES)


def size(picture):
    with Image.open(picture) as image:
        return image.size


def test_every_example_is_tested():
    tested = {
        "custom_pass.py", "detect_objects.py", "fetch_models.py", "run_bundle.py", "segment_image.py",
    }  # fmt: skip
    assert {path.name for path in EXAMPLES.glob("*.py")} == tested


def test_run_bundle(models):
    made = run("run_bundle.py", models["face_detection_short_range"])
    assert "regressors: (1, 896, 16)" in made.stdout


def test_segment_image(models, tmp_path):
    picture, drawing = tmp_path / "picture.png", tmp_path / "mask.png"
    Image.new("RGB", (60, 40), "navy").save(picture)
    made = run("segment_image.py", models["selfie_segmentation"], picture, drawing)
    assert made.stdout.endswith("% of the picture\n")
    assert size(drawing) == (60, 40)


def test_detect_objects(tmp_path):
    """A quantised detector whose last operator the CPU runs finds the cat."""
    folder = zoo()
    model = folder and folder / "ssd_mobilenet_v1_coco_uint8_postprocess.tflite"
    if not model or not model.is_file():
        pytest.skip(NO_ZOO)
    pytest.importorskip("ai_edge_litert")
    drawing = tmp_path / "boxes.png"
    made = run("detect_objects.py", model, folder / "inputs" / "cat.bmp", drawing)
    # COCO's cat is 17, of which this model leaves out the background.
    assert made.stdout.startswith("class 16, 0.7")
    assert size(drawing) == size(folder / "inputs" / "cat.bmp")


def test_custom_pass_from_python(models, tmp_path):
    made = run("custom_pass.py", models["selfie_segmentation"], tmp_path / "out")
    assert "swish_to_relu: fired 4 times" in made.stderr
    assert "refused" in made.stderr
    steps = load(tmp_path / "out").manifest["steps"]
    assert any(s["opcode"] == "HARD_SWISH" for step in steps for s in step["sources"])


@pytest.mark.parametrize("limit", [0, 1000])
def test_custom_pass_from_the_command_line(models, tmp_path, limit):
    pipeline = f"custom_pass:CheapSwish{{limit={limit}}},default"
    command = [sys.executable, "-m", "tflgpuc", str(models["selfie_segmentation"])]
    subprocess.run(
        [*command, "-o", str(tmp_path / "out"), "--passes", pipeline],
        check=True,
        cwd=EXAMPLES,
        env={"PYTHONPATH": str(EXAMPLES), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    shaders = "".join(p.read_text() for p in (tmp_path / "out" / "glsl").glob("*.comp"))
    assert ("vec4 hard_swish" in shaders) == (limit == 0)
