"""A bundle: the shaders, weights and manifest that an app ships."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from tflgpuc.backends.files import MANIFEST, WEIGHTS_FILE, BundleFiles, Chunks
from tflgpuc.backends.glsl import print_glsl
from tflgpuc.backends.hosts import HOSTS
from tflgpuc.backends.manifest import FORMAT, VERSION, Json, WeightsFile, header, manifest
from tflgpuc.backends.msl import print_msl
from tflgpuc.backends.paging import release
from tflgpuc.backends.runtime.base import Runner
from tflgpuc.backends.tflite.writer import write
from tflgpuc.backends.wgsl import print_wgsl
from tflgpuc.backends.wgsl.access import writable_bindings
from tflgpuc.ir.errors import BundleError, UsageError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.schedule import Schedule
from tflgpuc.ir.target import Target

LANGUAGES = ("glsl", "msl", "wgsl")
# What a compile prints unless it is told otherwise.
DEFAULT_LANGUAGES = ("glsl", "msl")


class Bundle(BundleFiles):
    """What a compile gives: to save, or to run right away."""

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Writes the bundle; an existing bundle there is replaced, and only once this one is whole.

        Raises BundleError where ``directory`` holds something that isn't a bundle.
        """
        out = Path(directory).resolve()
        if (
            out.exists()
            and not (out / MANIFEST).is_file()
            and (out.is_file() or any(out.iterdir()))
        ):
            raise BundleError(f"{directory}: exists and is no bundle; remove it or choose another")
        out.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent))
        try:
            for name in [*self.chunks, MANIFEST]:
                _write(made / name, self.read(name))
            made.chmod(0o755)
            if out.exists():
                old = made.with_suffix(".old")
                out.rename(old)
                made.rename(out)
                shutil.rmtree(old)
            else:
                made.rename(out)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        return out

    def runner(self, device: str = "interpreter", **options: Any) -> Runner:
        """A runner of this bundle: ``interpreter`` (NumPy), ``gles``, ``msl`` (clang on the host),
        ``wgpu`` (WebGPU), or ``chromium`` (WebGPU, by the JavaScript host in a browser).

        ``options`` are the runner's own: ``library`` for gles, ``threads`` for msl. Raises UsageError
        for another device, DeviceError where the device can't be had.
        """
        if device not in RUNNERS:
            raise UsageError(f"no such device: {device}; there are {', '.join(RUNNERS)}")
        module, _, name = RUNNERS[device].partition(":")
        runner: Runner = getattr(importlib.import_module(module), name)(self, **options)
        return runner


# Where each device's runner is: compiling needs none of them, so none is imported for it.
RUNNERS = {
    "interpreter": "tflgpuc.backends.runtime.interpreter:InterpreterRunner",
    "gles": "tflgpuc.backends.runtime.gles_runner:GlesRunner",
    "msl": "tflgpuc.backends.runtime.msl_runner:MslRunner",
    "wgpu": "tflgpuc.backends.runtime.wgpu_runner:WgpuRunner",
    "chromium": "tflgpuc.backends.runtime.browser_runner:BrowserRunner",
}


def make_bundle(
    schedule: Schedule,
    target: Target,
    about: Mapping[str, Any],
    emit: Sequence[str] = DEFAULT_LANGUAGES,
    locations: bool = False,
    subgraphs: Sequence[Graph] = (),
    hosts: Sequence[str] = (),
) -> Bundle:
    """Prints every kernel and the hosts, and lists it all in a manifest.

    ``subgraphs`` are those of the model, which ops of CPU segments may name by position.
    """
    for host in hosts:
        if host not in HOSTS:
            raise UsageError(f"no such host: {host}; there are {', '.join(HOSTS)}")
    for language in emit:
        if language not in LANGUAGES:
            raise UsageError(f"no such language: {language}; there are {', '.join(LANGUAGES)}")
    name = str(about["model"]["name"])
    weights = WeightsFile(target.storage_alignment)
    made = manifest(schedule, target, weights, about)
    chunks: dict[str, Chunks] = {}
    headers = {
        k: header(name, k, [s for s in schedule.dispatches if s.kernel is k])
        for k in schedule.kernels()
    }
    if "glsl" in emit:
        for kernel, program in zip(schedule.kernels(), made["programs"], strict=True):
            path = f"glsl/{kernel.name}.comp"
            chunks[path] = [print_glsl(kernel, headers[kernel], locations=locations).encode()]
            program["entry"]["glsl"] = {"file": path, "function": "main"}
    if "msl" in emit:
        path = f"msl/{name}.metal"
        text = print_msl(
            list(headers.items()), [f"Made by tflgpuc from {name}"], locations=locations
        )
        chunks[path] = [text.encode()]
        for kernel, program in zip(schedule.kernels(), made["programs"], strict=True):
            program["entry"]["msl"] = {"file": path, "function": kernel.name}
    if "wgsl" in emit:
        writable = writable_bindings(made)
        for kernel, program in zip(schedule.kernels(), made["programs"], strict=True):
            path = f"wgsl/{kernel.name}.wgsl"
            text = print_wgsl(kernel, headers[kernel], locations, writable[kernel.name])
            chunks[path] = [text.encode()]
            program["entry"]["wgsl"] = {"file": path, "function": "main"}
    segments = [step["file"] for step in made["steps"] if step["type"] == "segment"]
    for path, segment in zip(segments, schedule.segments, strict=True):
        chunks[path] = [write(segment.body, subgraphs=subgraphs)]
    chunks[WEIGHTS_FILE] = weights.chunks
    made["files"] = _listed(chunks)
    bundle = Bundle(made, chunks)
    for host in dict.fromkeys(hosts):
        printed = HOSTS[host](made, bundle)
        chunks |= {f"host/{host}/{path}": [text.encode()] for path, text in printed.items()}
    made["files"] = _listed(chunks)
    return bundle


def _listed(chunks: Mapping[str, Chunks]) -> list[Json]:
    return [
        {"path": path, "bytes": sum(map(len, c)), "sha256": _digest(c)}
        for path, c in sorted(chunks.items())
    ]


def load(directory: str | os.PathLike[str], check: bool = True) -> Bundle:
    """Opens a bundle; raises BundleError where it is missing, incomplete, altered or too new."""
    folder = Path(directory)
    try:
        made = json.loads((folder / MANIFEST).read_text())
    except OSError as error:
        raise BundleError(f"{directory}: no bundle here: {error.strerror}: {MANIFEST}") from None
    except ValueError as error:
        raise BundleError(f"{directory}: {MANIFEST} is no JSON: {error}") from None
    if not isinstance(made, dict) or made.get("format") != FORMAT:
        raise BundleError(f"{directory}: {MANIFEST} is no manifest of tflgpuc")
    if made.get("version") != VERSION:
        raise BundleError(f"{directory}: version {made.get('version')}, this reads {VERSION}")
    # Compiling validates nothing, and needn't wait for this import.
    import jsonschema

    try:
        jsonschema.validate(made, schema())
    except jsonschema.ValidationError as error:
        raise BundleError(f"{directory}: {MANIFEST}: {error.json_path}: {error.message}") from None
    bundle = Bundle(made, folder=folder)
    for entry in made["files"] if check else ():
        if _digest(bundle.read(entry["path"])) != entry["sha256"]:
            raise BundleError(f"{directory}: {entry['path']} isn't the file that was compiled")
    return bundle


def schema() -> Json:
    """The JSON Schema of a manifest."""
    text = files("tflgpuc.backends").joinpath("manifest.schema.json").read_text()
    made: Json = json.loads(text)
    return made


def _write(path: Path, chunks: Chunks) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
            release(np.frombuffer(chunk, np.uint8))


def _digest(chunks: Chunks) -> str:
    made = hashlib.sha256()
    for chunk in chunks:
        made.update(chunk)
        release(np.frombuffer(chunk, np.uint8))
    return made.hexdigest()
