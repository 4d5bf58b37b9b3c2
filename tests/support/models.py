"""Where real models come from: a few from PyPI for everybody, an optional zoo beside the checkout."""

from __future__ import annotations

import functools
import os
import runpy
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@functools.cache
def fetched() -> dict[str, Path]:
    """Models inside an older mediapipe wheel, by name; skips the test where they can't be had."""
    fetch = runpy.run_path(str(ROOT / "examples" / "fetch_models.py"))["fetch"]
    try:
        return {path.stem: path for path in fetch(ROOT / ".cache" / "models")}
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"REAL MODELS NOT TESTED: pip could not fetch them: {error}")


def zoo_folder() -> Path | None:
    """A folder with more models: TFLGPUC_ZOO, or shared/models beside the checkout."""
    folder = Path(os.environ.get("TFLGPUC_ZOO", ROOT.parent / "shared" / "models"))
    return folder if any(folder.glob("*.tflite")) else None


def zoo_models() -> list[Path]:
    """The zoo's models, none where there is no zoo."""
    folder = zoo_folder()
    return sorted(folder.glob("*.tflite")) if folder else []
