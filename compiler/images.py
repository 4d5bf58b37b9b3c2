"""Files as a model's inputs: arrays and images."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tflgpuc.ir.errors import UsageError
from tflgpuc.ir.graph.types import NUMPY
from tflgpuc.random_inputs import Port, random_inputs

IMAGES = (".bmp", ".jpg", ".jpeg", ".png")
ARRAYS = (".npy", ".npz")

Array = NDArray[Any]


def takes_image(shape: list[int], dtype: str = "f32") -> bool:
    """Whether an input looks like one image: [1, height, width, 1 or 3], or 4 bytes a pixel."""
    channels = (1, 3, 4) if dtype == "u8" else (1, 3)
    return len(shape) == 4 and shape[0] == 1 and shape[3] in channels and min(shape[1:3]) > 1


def load_image(path: Path, shape: list[int], dtype: str = "f32") -> Array:
    """An image as a [1, height, width, channels] array, resized bilinearly.

    Floats go from -1 to 1, u8 and i8 over their whole range, as quantised models have it. Raises
    UsageError where the file is no image or Pillow is missing.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise UsageError("reading images needs Pillow: pip install 'tflgpuc[verify]'") from None
    try:
        with Image.open(path) as image:
            mode = {1: "L", 3: "RGB", 4: "RGBA"}[shape[3]]
            sized = image.convert(mode).resize((shape[2], shape[1]), Image.Resampling.BILINEAR)
            pixels = np.asarray(sized, np.float32)
    except (OSError, UnidentifiedImageError) as error:
        raise UsageError(f"{path}: {_reason(error)}") from None
    if dtype in ("u8", "i8"):
        return (pixels.reshape(shape) - (128 if dtype == "i8" else 0)).astype(NUMPY[dtype])
    return (pixels.reshape(shape) / np.float32(127.5) - np.float32(1)).astype(np.float32)


def load_array(path: Path) -> Array:
    """The array of a .npy file."""
    array = _load(path)
    if not isinstance(array, np.ndarray):
        raise UsageError(f"{path}: an archive where one array is needed")
    return array


def load_arrays(path: Path) -> dict[str, Array]:
    """The arrays of a .npz file by name."""
    arrays = _load(path)
    if isinstance(arrays, np.ndarray):
        raise UsageError(f"{path}: one array where an archive is needed")
    return arrays


def _load(path: Path) -> Array | dict[str, Array]:
    try:
        # Opened here, since np.load leaves a file that it refuses open.
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            return found if isinstance(found, np.ndarray) else dict(found)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """What is wrong, without the path, which an OSError repeats."""
    return (isinstance(error, OSError) and error.strerror) or str(error)


def read_input(path: Path, shape: list[int], dtype: str = "f32") -> Array:
    """A file as one input's array."""
    if path.suffix.lower() in IMAGES:
        if not takes_image(shape, dtype):
            raise UsageError(f"{path}: an image for an input of shape {shape}")
        return load_image(path, shape, dtype)
    return load_array(path)


def cases(folder: Path | None, ports: Mapping[str, Port], seed: int) -> dict[str, dict[str, Array]]:
    """Inputs by case: random ones, then one case for each image, .npy and .npz in a folder.

    An image goes to every input that takes one, a .npy to every input of its shape, the arrays of a
    .npz to the inputs of their names; other inputs stay random. Raises UsageError for an array that
    fits no input.
    """
    shapes = {name: list(port.shape) for name, port in ports.items()}
    found = {f"random {seed}": random_inputs(ports, seed)}
    if folder is None:
        return found
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    for path in sorted(folder.iterdir()):
        base = random_inputs(ports, seed)
        suffix = path.suffix.lower()
        if suffix in IMAGES:
            images = {
                name: load_image(path, shapes[name], port.dtype)
                for name, port in ports.items()
                if takes_image(shapes[name], port.dtype)
            }
            if images:
                found[path.name] = {**base, **images}
        elif suffix == ".npz":
            found[path.name] = {**base, **_fitting(path, load_arrays(path), shapes)}
        elif suffix == ".npy":
            array = load_array(path)
            fits = [n for n, s in shapes.items() if list(array.shape) == s] or list(shapes)
            found[path.name] = {**base, **_fitting(path, dict.fromkeys(fits, array), shapes)}
    return found


def _fitting(
    path: Path, arrays: dict[str, Array], shapes: Mapping[str, list[int]]
) -> dict[str, Array]:
    for name, array in arrays.items():
        if name not in shapes:
            raise UsageError(f"{path}: no input {name!r}; there are {', '.join(map(repr, shapes))}")
        if list(array.shape) != shapes[name]:
            raise UsageError(f"{path}: input {name!r} is {shapes[name]}, not {list(array.shape)}")
    return arrays
