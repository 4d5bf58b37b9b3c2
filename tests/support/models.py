"""Where real models come from: a few by pip for everybody, an optional zoo beside the checkout."""

from __future__ import annotations

import functools
import os
import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NO_MODELS = "pip could not fetch real models"
NO_ZOO = "no model zoo beside the checkout"


def fetched_models() -> dict[str, Path]:
    """Models of an older mediapipe wheel, by name; skips the test where pip can't get it."""
    found = _fetched()
    if not found:
        pytest.skip(NO_MODELS)
    return {path.stem: path for path in found}


@functools.cache
def _fetched() -> list[Path]:
    """The models' files, none where pip failed, which has said why: a run tries only once."""
    fetch: Callable[[Path], list[Path]]
    fetch = runpy.run_path(str(ROOT / "examples" / "fetch_models.py"))["fetch"]
    try:
        return fetch(ROOT / ".cache" / "models")
    except (OSError, subprocess.CalledProcessError):
        return []


def zoo() -> Path | None:
    """A folder with more models: TFLGPUC_ZOO, or shared/models beside the checkout."""
    folder = Path(os.environ.get("TFLGPUC_ZOO") or ROOT.parent / "shared" / "models")
    return folder if any(folder.glob("*.tflite")) else None


def zoo_models() -> list[Path]:
    """The zoo's models, none where there is no zoo."""
    folder = zoo()
    return sorted(folder.glob("*.tflite")) if folder else []
