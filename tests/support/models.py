"""Where real models come from: a few by pip for everybody, an optional zoo beside the checkout."""

from __future__ import annotations

import functools
import os
import runpy
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NO_MODELS = "REAL MODELS NOT TESTED"
NO_ZOO = "no model zoo beside the checkout"


@functools.cache
def fetched_models() -> dict[str, Path]:
    """Models of an older mediapipe wheel, by name; skips the test where pip can't get it."""
    fetch = runpy.run_path(str(ROOT / "examples" / "fetch_models.py"))["fetch"]
    try:
        return {path.stem: path for path in fetch(ROOT / ".cache" / "models")}
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"{NO_MODELS}: {error}")


def zoo() -> Path | None:
    """A folder with more models: TFLGPUC_ZOO, or shared/models beside the checkout."""
    folder = Path(os.environ.get("TFLGPUC_ZOO") or ROOT.parent / "shared" / "models")
    return folder if any(folder.glob("*.tflite")) else None


def zoo_models() -> list[Path]:
    """The zoo's models, none where there is no zoo."""
    folder = zoo()
    return sorted(folder.glob("*.tflite")) if folder else []
