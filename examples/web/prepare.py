"""Compiles the models of the web demo to bundles, and lists them and the samples for the page.

Usage: python prepare.py MODELS [--images DIR] [--labels FILE]
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import tflgpuc

HERE = Path(__file__).parent

# The files that a task looks for; the first that is there is compiled.
TASKS = {
    "selfie": ("selfie_segmentation.tflite", "selfie_segmentation_fp16.tflite"),
    "faces": ("face_detection_short_range.tflite", "face_detection_short_range_fp16.tflite"),
    "labels": ("mobilenet_v1_1.0_224_float.tflite", "mobilenet_v1_1.0_224.tflite"),
    "style": ("style_transfer_f16_384.tflite", "style_transfer.tflite"),
}
PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"}

# A package with the names of ImageNet's classes in it; only its two lists are used.
NAMES_PACKAGE = "timm==1.0.20"
SYNSETS = "timm/data/_info/imagenet_synsets.txt"
LEMMAS = "timm/data/_info/imagenet_synset_to_lemma.txt"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, help="a folder with .tflite files")
    parser.add_argument("--images", type=Path, help="a folder with sample pictures")
    parser.add_argument("--labels", type=Path, help="names of the classes, one a line")
    parser.add_argument("--fetch-labels", action="store_true", help="get the names by pip")
    parser.add_argument("--output", type=Path, default=HERE / "bundles", help="where to")
    args = parser.parse_args()
    prepare(args.models, args.output, args.images, args.labels, args.fetch_labels)


def prepare(
    models: Path,
    output: Path,
    images: Path | None = None,
    labels: Path | None = None,
    fetch: bool = False,
) -> None:
    """Makes ``output``, the folder that the page reads: bundles, samples, labels and index.json.

    A model that is missing is skipped with a message; the page greys its task out.
    """
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    made = {task: _bundle(task, names, models, output) for task, names in TASKS.items()}
    tasks = {task: bundle for task, bundle in made.items() if bundle}
    samples = _samples(images, output) if images else []
    names = _labels(models, labels, fetch) if "labels" in tasks else []
    if names:
        (output / "labels.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    elif "labels" in tasks:
        print("labels: none found, so the page shows numbers of classes (see --labels)")
    index = {"tasks": tasks, "images": samples, "labels": "labels.txt" if names else None}
    (output / "index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    print(f"{output}: {len(tasks)} of {len(TASKS)} tasks")


def _bundle(
    task: str, names: tuple[str, ...], models: Path, output: Path
) -> dict[str, object] | None:
    """Compiles a task's model: what the page has to know of the bundle, None without a model."""
    file = next((models / name for name in names if (models / name).is_file()), None)
    if not file:
        print(f"{task}: skipped, {models} has no {' or '.join(names)}")
        return None
    bundle = tflgpuc.compile(file, target="webgpu", emit=["wgsl"], hosts=["js"])
    folder = bundle.save(output / task)
    (module,) = (folder / "host").rglob("*.js")
    steps = [s for s in bundle.manifest["steps"] if s["type"] == "dispatch"]
    print(f"{task}: {file.name}, {len(steps)} dispatches")
    return {
        "model": file.stem,
        "module": module.relative_to(output).as_posix(),
        "weights": (folder / "weights.bin").stat().st_size,
        "dispatches": len(steps),
        "programs": len(bundle.manifest["programs"]),
        "macs": sum(s["macs"] for s in steps),
    }


def _samples(images: Path, output: Path) -> list[dict[str, str]]:
    """Copies the sample pictures: their files, relative to ``output``, and names."""
    (output / "images").mkdir()
    made = []
    for picture in sorted(p for p in images.iterdir() if p.suffix.lower() in PICTURES):
        shutil.copyfile(picture, output / "images" / picture.name)
        name = picture.stem.replace("_", " ").replace("-", " ").capitalize()
        made.append({"file": f"images/{picture.name}", "name": name})
    return made


def _labels(models: Path, labels: Path | None, fetch: bool) -> list[str]:
    """Names of the classes: from a file, from the classifier's metadata, or by pip."""
    if labels:
        return labels.read_text(encoding="utf-8").splitlines()
    for name in TASKS["labels"]:
        if (models / name).is_file() and (found := _metadata_labels(models / name)):
            return found
    return _fetched_labels() if fetch else []


def _metadata_labels(model: Path) -> list[str]:
    """The lines of the first text file packed into a model: its files are a zip at its end."""
    data = io.BytesIO(model.read_bytes())
    if not zipfile.is_zipfile(data):
        return []
    with zipfile.ZipFile(data) as archive:
        for name in archive.namelist():
            if name.endswith(".txt"):
                return archive.read(name).decode().splitlines()
    return []


def _fetched_labels() -> list[str]:
    """The names of ImageNet's thousand classes, after one for the background."""
    with tempfile.TemporaryDirectory() as scratch:
        download = "-m pip download --quiet --no-deps"
        command = [sys.executable, *download.split(), f"--dest={scratch}", NAMES_PACKAGE]
        subprocess.run(command, check=True)
        (wheel,) = Path(scratch).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            synsets = archive.read(SYNSETS).decode().split()
            lemmas = archive.read(LEMMAS).decode().splitlines()
    names = dict(line.split("\t", 1) for line in lemmas)
    return ["background", *(names[s] for s in synsets)]


if __name__ == "__main__":
    main()
