"""Programs of real models in the compilers of mobile GPUs: none spills."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.models import NO_ZOO, ROOT, zoo

ISSUE_MODELS = (
    "mobilenet_v1_1.0_224_float.tflite",
    "deeplabv3_257_mv_gpu.tflite",
    "selfie_segmentation_fp16.tflite",
    "face_landmark_f32.tflite",
)


def checked(tmp_path: Path, targets: str, precisions: str, *names: str) -> list[dict[str, object]]:
    """What the checker wrote; skips the test where models or compilers are missing."""
    folder = zoo()
    if folder is None:
        pytest.skip(NO_ZOO)
    compilers = runpy.run_path(str(ROOT / "benchmarks" / "places.py"))["offline_compilers"]()
    if compilers is None:
        pytest.skip("no offline compilers of mobile GPUs beside the checkout")
    if shutil.which("glslangValidator") is None:
        pytest.skip("no glslangValidator")
    file = tmp_path / "figures.json"
    options = [f"--models={folder}", f"--compilers={compilers}", f"--targets={targets}"]
    options += [f"--precisions={precisions}", f"--json={file}", *(f"--model={n}" for n in names)]
    command = [sys.executable, "-m", "benchmarks.offline_gpu", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert file.is_file(), done.stderr
    assert done.returncode == 0, done.stdout
    made: list[dict[str, object]] = json.loads(file.read_text())
    return made


@pytest.mark.zoo
def test_nothing_spills_on_the_scarcest_registers(tmp_path: Path) -> None:
    results = checked(tmp_path, "mali-valhall", "f32", *ISSUE_MODELS)
    assert [r["model"] for r in results] == [Path(n).stem for n in ISSUE_MODELS]


@pytest.mark.zoo
def test_every_family_compiles_every_program(tmp_path: Path) -> None:
    targets = "adreno-6xx,adreno-7xx,mali-bifrost,apple-a14"
    results = checked(tmp_path, targets, "f16", ISSUE_MODELS[-1])
    assert ",".join(str(r["target"]) for r in results) == targets
    for result in results:
        programs = result["programs"]
        assert isinstance(programs, list)
        assert programs
        for program in programs:
            for figures in program["figures"]:
                assert figures["error"] == ""
                assert figures["instructions"] > 0
                assert figures["waves"] > 0
