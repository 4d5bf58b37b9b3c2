"""Fetches a few real .tflite models: they come inside an older wheel of the mediapipe package.

Usage: python examples/fetch_models.py [FOLDER]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "mediapipe==0.10.9"
# Only the models in the wheel are used, so any interpreter on any machine may fetch this one.
WHEEL = ("--python-version=311", "--platform=manylinux_2_17_x86_64", "--abi=cp311")
MODELS = (
    "modules/face_detection/face_detection_short_range.tflite",
    "modules/face_landmark/face_landmark.tflite",
    "modules/hand_landmark/hand_landmark_lite.tflite",
    "modules/holistic_landmark/hand_recrop.tflite",
    "modules/palm_detection/palm_detection_lite.tflite",
    "modules/selfie_segmentation/selfie_segmentation.tflite",
)


def fetch(folder: Path) -> list[Path]:
    """The models' files under ``folder``, fetched with pip unless all of them are there.

    Raises CalledProcessError where pip can't get the wheel.
    """
    wanted = [folder / Path(name).name for name in MODELS]
    if all(path.is_file() for path in wanted):
        return wanted
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        download = "-m pip download --quiet --no-deps --only-binary=:all:"
        command = [sys.executable, *download.split(), *WHEEL, f"--dest={scratch}", PACKAGE]
        subprocess.run(command, check=True)
        (wheel,) = Path(scratch).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for name, path in zip(MODELS, wanted, strict=True):
                part = Path(scratch) / path.name
                part.write_bytes(archive.read(f"mediapipe/{name}"))
                part.replace(path)
    return wanted


if __name__ == "__main__":
    for model in fetch(Path(sys.argv[1] if len(sys.argv) > 1 else ".cache/models")):
        print(model)
