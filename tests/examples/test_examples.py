"""Every example runs as a newcomer would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tflgpuc.backends.bundle import load

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name, *args):
    command = [sys.executable, str(EXAMPLES / name), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=EXAMPLES)


def test_every_example_is_tested():
    tested = {"custom_pass.py", "fetch_models.py", "run_bundle.py"}
    assert {path.name for path in EXAMPLES.glob("*.py")} == tested


def test_run_bundle(models):
    made = run("run_bundle.py", models["face_detection_short_range"])
    assert "regressors: (1, 896, 16)" in made.stdout


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
