"""Latency of our bundles against ML Drift, LiteRT's WebGPU accelerator, both on SwiftShader.

    python -m benchmarks.mldrift [--models DIR] [--runs 10] [--json FILE]

Ours runs through ANGLE. Both sides store and compute f32, run in turns, and the time of a run includes
uploading the inputs and reading the outputs. Needs ai-edge-litert, comfy-angle and SwiftShader's Vulkan
driver (of Chromium). ML Drift's row reads ``refuses`` where it doesn't take the model.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.common import Row, benchmark, child, chosen, geometric_mean, report
from benchmarks.offline_gpu import vision_models
from benchmarks.rivals import Run, alternating, difference
from tflgpuc import compile
from tflgpuc.backends.runtime.gles_library import choose_library
from tflgpuc.litert import LiteRt
from tflgpuc.random_inputs import ports_of, random_inputs

LIBRARY, TARGET = "angle-swiftshader", "swiftshader"


class MlDrift:
    """A model on LiteRT's GPU accelerator; raises RuntimeError where that refuses it."""

    def __init__(self, model: str) -> None:
        from ai_edge_litert.compiled_model import (
            CompiledModel,
            GpuOptions,
            HardwareAccelerator,
            Options,
        )

        reference = LiteRt(Path(model))
        self.outputs = reference.outputs
        self.model = CompiledModel.from_file(
            model,
            options=Options(
                hardware_accelerators=HardwareAccelerator.GPU,
                gpu_options=GpuOptions(enforce_f32=True),
            ),
        )
        self.given = self.model.create_input_buffers(0)
        self.made = self.model.create_output_buffers(0)

    def run(self, inputs: list[Any]) -> list[Any]:
        """One run, with upload and read-back."""
        for buffer, array in zip(self.given, inputs, strict=True):
            buffer.write(array)
        self.model.run_by_index(0, self.given, self.made)
        return [
            buffer.read(int(np.prod(d["shape"])), d["dtype"])
            for d, buffer in zip(self.outputs, self.made, strict=True)
        ]


def measure(model: str, runs: int) -> dict[str, Any]:
    """Median milliseconds of both, and how far each is from LiteRT's CPU kernels."""
    bundle = compile(model, target=TARGET)
    inputs = random_inputs(ports_of(bundle.manifest["inputs"], None), 0)
    expected = LiteRt(Path(model)).run(inputs)
    given = [np.ascontiguousarray(a) for a in inputs.values()]
    found: dict[str, Any] = {"note": ""}
    rivals: dict[str, Run] = {}
    try:
        # First, since its WebGPU finds no device once ANGLE has one.
        theirs = MlDrift(model)
        made = [np.reshape(a, e.shape) for a, e in zip(theirs.run(given), expected, strict=True)]
        found["their_difference"] = difference(made, expected)
        rivals["theirs"] = lambda: theirs.run(given)
    except (RuntimeError, ValueError) as error:
        found["note"] = f"refuses: {str(error).splitlines()[0][:80]}"
    with bundle.runner("gles", library=LIBRARY) as runner:
        found["our_difference"] = difference(list(runner.run(inputs).values()), expected)
        rivals["ours"] = lambda: runner.run(inputs)
        return {**found, **alternating(rivals, runs)}


def environment() -> dict[str, str]:
    """What puts every Vulkan loader of a child process on SwiftShader."""
    driver = str(choose_library(LIBRARY).icd)
    return {**os.environ, "VK_ICD_FILENAMES": driver, "VK_DRIVER_FILES": driver}


@benchmark
@click.option("--runs", default=10, show_default=True, help="Timed runs of each.")
def main(models: Path | None, names: tuple[str, ...], file: Path | None, runs: int) -> None:
    """Medians of alternating runs, their ratio, and the geometric mean of all ratios."""
    rows: list[Row] = []
    for model in chosen(models, names, vision_models):
        job = {"model": str(model.resolve()), "runs": runs}
        found = child("benchmarks.mldrift", job, environment())
        ours, theirs = found.get("ours"), found.get("theirs")
        rows.append({
            "model": model.stem,
            "ours_ms": ours,
            "mldrift_ms": theirs,
            "ratio": ours / theirs if ours and theirs else None,
            "our_difference": found.get("our_difference"),
            "their_difference": found.get("their_difference"),
            "note": found.get("error") or found.get("note", ""),
        })  # fmt: skip
    mean = geometric_mean(r["ratio"] for r in rows if r["ratio"] is not None)
    report("ours / ML Drift on SwiftShader, f32", rows, file, mean_ratio=mean)


if __name__ == "__main__":
    main()
