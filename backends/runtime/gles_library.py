"""Which OpenGL ES library a device runs on (the system's, ANGLE's, a folder's), and its driver."""

from __future__ import annotations

import ctypes
import importlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tflgpuc.ir.errors import DeviceError

ENVIRONMENT_VARIABLE = "TFLGPUC_GLES"

_VULKAN_FOLDERS = (
    "~/.local/share/vulkan/icd.d",
    "/etc/vulkan/icd.d",
    "/usr/local/share/vulkan/icd.d",
    "/usr/share/vulkan/icd.d",
)
_CHROMIUM_FOLDERS = ("/usr/lib/chromium", "/usr/lib/chromium-browser", "/opt/google/chrome")

# The Vulkan drivers that ANGLE can be put on by name: the pattern of the driver's JSON file.
_ANGLE_DRIVERS = {
    "angle-swiftshader": ("vk_swiftshader_icd.json", (*_VULKAN_FOLDERS, *_CHROMIUM_FOLDERS)),
    "angle-lavapipe": ("lvp_icd*.json", _VULKAN_FOLDERS),
}


@dataclass(frozen=True)
class GlesLibrary:
    """A choice of library: ``folder`` None is the system's; ``icd`` is a Vulkan driver's JSON."""

    folder: Path | None = None
    icd: Path | None = None

    def __str__(self) -> str:
        name = "the system's libEGL" if self.folder is None else str(self.folder)
        return name if self.icd is None else f"{name} over {self.icd}"


def choose_library(library: str | None = None, icd: str | None = None) -> GlesLibrary:
    """The library that ``library``, else TFLGPUC_GLES, else the system names.

    ``library`` is "system", "angle" (the comfy-angle package), "angle-swiftshader",
    "angle-lavapipe", or a folder that holds libEGL.so and libGLESv2.so. ``icd`` names the Vulkan
    driver's JSON file for ANGLE to use. Raises DeviceError when something named isn't there.
    """
    name = library or os.environ.get(ENVIRONMENT_VARIABLE) or "system"
    driver = None if icd is None else _existing(Path(icd), "Vulkan driver")
    if name == "system":
        return GlesLibrary(None, driver)
    if name == "angle":
        return GlesLibrary(_angle_folder(), driver)
    if name in _ANGLE_DRIVERS:
        return GlesLibrary(_angle_folder(), driver or _find_driver(name))
    folder = Path(name)
    for file in ("libEGL.so", "libGLESv2.so"):
        _existing(folder / file, f"OpenGL ES library (of {name!r})")
    return GlesLibrary(folder.resolve(), driver)


def load_library(chosen: GlesLibrary) -> tuple[ctypes.CDLL, ctypes.CDLL]:
    """(libEGL, libGLESv2), loaded into this process.

    The Vulkan driver is passed in the environment (VK_DRIVER_FILES), where the Vulkan loader
    looks for it. Raises DeviceError when the libraries can't be loaded.
    """
    if chosen.icd is not None:
        # The loader before 1.3.207 knows only the older of the two names.
        os.environ["VK_ICD_FILENAMES"] = os.environ["VK_DRIVER_FILES"] = str(chosen.icd)
    if chosen.folder is None:
        gles = _load(("libGLESv2.so.2", "libGLESv2.so"))
        return _load(("libEGL.so.1", "libEGL.so")), gles
    # ANGLE's libEGL looks for libGLESv2 among the libraries that are loaded already.
    gles = _load((str(chosen.folder / "libGLESv2.so"),))
    return _load((str(chosen.folder / "libEGL.so"),)), gles


def _load(names: Sequence[str]) -> ctypes.CDLL:
    problems = []
    for name in names:
        try:
            return ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            problems.append(str(error))
    raise DeviceError(f"no OpenGL ES library: {problems[0]}")


def _existing(path: Path, what: str) -> Path:
    if not path.is_file():
        raise DeviceError(f"{what} not found: {path}")
    return path.resolve()


def _angle_folder() -> Path:
    try:
        angle = importlib.import_module("comfy_angle")
    except ImportError as error:
        raise DeviceError(
            "ANGLE needs the comfy-angle package (pip install comfy-angle)"
        ) from error
    return Path(angle.get_lib_dir())


def _find_driver(name: str) -> Path:
    pattern, folders = _ANGLE_DRIVERS[name]
    for folder in folders:
        for path in sorted(Path(folder).expanduser().glob(pattern)):
            return path
    raise DeviceError(f"{name}: no Vulkan driver {pattern} in {', '.join(folders)}")
