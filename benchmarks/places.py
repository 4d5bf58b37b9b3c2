"""Where the optional material of benchmarks lies: folders beside the checkout, or arguments."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache"


def beside(pattern: str, variable: str) -> Path | None:
    """What the environment's ``variable`` names, else the first match in a folder beside the checkout."""
    named = os.environ.get(variable)
    if named:
        return Path(named)
    return next(iter(sorted(ROOT.parent.glob(f"*/{pattern}"))), None)


def models_folder() -> Path | None:
    """The folder of a model zoo: TFLGPUC_ZOO, or one that has a zoo.json."""
    found = beside("models/zoo.json", "TFLGPUC_ZOO")
    return found.parent if found and found.is_file() else found


def offline_compilers() -> Path | None:
    """The unpacked offline compilers: TFLGPUC_OFFLINE_GPU, or an archive unpacked into the cache."""
    found = beside("offline-gpu/mesa-offline-*.tar.xz", "TFLGPUC_OFFLINE_GPU")
    if found is None or found.is_dir():
        return found
    folder = CACHE / found.name.removesuffix(".tar.xz")
    if not folder.is_dir():
        partial = folder.with_suffix(f".{os.getpid()}")
        with tarfile.open(found) as archive:
            archive.extractall(partial, filter="tar")
        partial.rename(folder)
    return next(folder.glob("*/bin")).parent
