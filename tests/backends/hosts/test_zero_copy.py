"""A picture that was drawn on the GPU, the model's mask of it, and both on the screen: no read-back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gles_process import LIBRARIES, missing
from support import zero_copy
from support.models import zoo
from tflgpuc.backends.bundle import Bundle
from tflgpuc.backends.runtime.gles_library import choose_library
from tflgpuc.backends.tflite import write
from tflgpuc.driver import compile
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.logistic import Logistic
from tflgpuc.ir.graph.sampling import runtime, weights

NO_GLES = missing("system")
pytestmark = pytest.mark.skipif(NO_GLES is not None, reason=str(NO_GLES))
IMAGE = "rgba8,scale=1/255"


def small_model() -> bytes:
    """A mask from an image of 24 x 16 pixels."""
    x = runtime(1, 16, 24, 3, name="image")
    conv = Conv2D(input=x, filter=weights(1, 3, 3, 3), bias=weights(1), padding="SAME")
    mask = Logistic(x=conv.result, names=("mask",))
    constants = (conv.filter.op, conv.bias.op)
    return write(
        Graph((x,), (*constants, conv, mask), (mask.result,), "main", ("image",), ("mask",))
    )


def shown(
    bundle: Bundle, picture: np.ndarray, tmp_path: Path, library: str = "system"
) -> np.ndarray:
    """What a process of its own has on its screen in the end."""
    folder = bundle.save(tmp_path / "bundle")
    (module,) = (folder / "host" / "python").iterdir()
    given, wanted = tmp_path / "picture.npy", tmp_path / "result.npz"
    np.save(given, picture)
    command = [sys.executable, zero_copy.__file__, folder, module.stem, given, wanted]
    environment = dict(os.environ)
    if library != "system":
        chosen = choose_library(library)
        command.append(chosen.folder)
        environment |= dict.fromkeys(("VK_DRIVER_FILES", "VK_ICD_FILENAMES"), str(chosen.icd))
    subprocess.run([str(c) for c in command], check=True, env=environment)
    return np.load(wanted)["screen"]


def expected(bundle: Bundle, picture: np.ndarray) -> np.ndarray:
    """The same by the interpreter and NumPy: mirrored, masked, over blue."""
    mirrored = picture[:, ::-1]
    with bundle.runner("interpreter") as runner:
        (mask,) = runner.run({bundle.manifest["inputs"][0]["name"]: mirrored[None]}).values()
    share = mask[0, :, :, :1].astype(np.float32) / 255
    blue = np.array([0, 0, 255, 255], np.float32)
    return np.rint(blue + (mirrored - blue) * share)


def compiled(model: Path | bytes, name: str, output: str) -> Bundle:
    return compile(
        model,
        input_formats={name: IMAGE},
        output_formats={output: "rgba8,scale=255"},
        hosts=("python",),
        name="small",
    )


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_small_model(library: str, tmp_path: Path) -> None:
    reason = missing(library)
    if reason:
        pytest.skip(reason)
    bundle = compiled(small_model(), "image", "mask")
    picture = np.random.default_rng(0).integers(0, 256, (16, 24, 4), np.uint8)
    made = shown(bundle, picture, tmp_path, library)
    assert np.abs(made - expected(bundle, picture)).max() <= 2


def test_selfie_segmentation(tmp_path: Path) -> None:
    folder = zoo()
    if folder is None:
        pytest.skip("no zoo beside the checkout: no selfie segmentation")
    bundle = compiled(folder / "selfie_segmentation_fp16.tflite", "input_1", "activation_10")
    image = Image.open(folder / "inputs" / "grace_hopper.bmp").convert("RGBA").resize((256, 256))
    picture = np.array(image)
    made = shown(bundle, picture, tmp_path)
    assert np.abs(made - expected(bundle, picture)).max() <= 2
    # Her face stays, the background's corner is blue.
    assert (made[2, 2] == [0, 0, 255, 255]).all()
    assert np.abs(made[110, 128].astype(int) - picture[110, 127]).max() <= 8
