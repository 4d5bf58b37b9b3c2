"""Draws the boxes that a detection model finds in a picture.

Usage: python examples/detect_objects.py model.tflite picture.jpg boxes.png [interpreter|gles|msl]

For models that end in TFLite_Detection_PostProcess, which runs as a CPU segment: their outputs are
boxes (top, left, bottom, right, as shares of the picture), classes, scores and how many there are.
"""

from __future__ import annotations

import sys

import numpy as np
from PIL import Image, ImageDraw

import tflgpuc

LEAST = 0.5


def main(model: str, picture: str, drawing: str, device: str = "interpreter") -> None:
    bundle = tflgpuc.compile(model)
    (port,) = bundle.manifest["inputs"]
    _, height, width, _ = port["shape"]
    image = Image.open(picture).convert("RGB")
    pixels = np.asarray(image.resize((width, height)))[None]
    if port["dtype"] == "f32":
        pixels = pixels / np.float32(127.5) - np.float32(1)
    with bundle.runner(device) as runner:
        boxes, classes, scores, count = runner.run({port["name"]: pixels}).values()
    draw = ImageDraw.Draw(image)
    for i in range(int(count[0])):
        if scores[0, i] >= LEAST:
            top, left, bottom, right = boxes[0, i].clip(0, 1) * np.tile(image.size[::-1], 2)
            draw.rectangle((left, top, right, bottom), outline="lime", width=3)
            draw.text((left + 4, top + 4), f"{classes[0, i]:.0f}: {scores[0, i]:.2f}", fill="lime")
            place = f"{left:.0f} {top:.0f} to {right:.0f} {bottom:.0f}"
            print(f"class {classes[0, i]:.0f}, {scores[0, i]:.2f}: {place}")
    image.save(drawing)


if __name__ == "__main__":
    main(*sys.argv[1:5])
