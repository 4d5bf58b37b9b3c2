"""Colours what a segmentation model finds in a picture.

Usage: python examples/segment_image.py model.tflite picture.jpg mask.png [interpreter|gles|msl]

The model's only output is a mask of the picture: one channel of shares, or a channel a class, of which
the first is the background. A fourth channel of the input is the mask of the frame before: none here.
"""

from __future__ import annotations

import sys

import numpy as np
from PIL import Image

import tflgpuc

COLOUR = np.array([255, 0, 128])


def main(model: str, picture: str, drawing: str, device: str = "interpreter") -> None:
    bundle = tflgpuc.compile(model)
    (port,) = bundle.manifest["inputs"]
    _, height, width, channels = port["shape"]
    image = Image.open(picture).convert("RGB")
    pixels = np.zeros((1, height, width, channels), np.float32)
    pixels[..., :3] = np.asarray(image.resize((width, height)), np.float32) / 255
    with bundle.runner(device) as runner:
        (made,) = runner.run({port["name"]: pixels}).values()
    mask = made[0, ..., 0] > 0.5 if made.shape[-1] == 1 else made[0].argmax(-1) > 0
    print(f"{mask.mean():.1%} of the picture")
    sized = Image.fromarray(mask.astype(np.uint8) * 160).resize(
        image.size, Image.Resampling.BILINEAR
    )
    share = np.asarray(sized)[..., None] / 255
    blended = np.asarray(image) * (1 - share) + COLOUR * share
    Image.fromarray(blended.astype(np.uint8)).save(drawing)


if __name__ == "__main__":
    main(*sys.argv[1:5])
