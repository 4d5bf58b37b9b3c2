"""A bundle of ours and what it is compared with, run in turns in one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tflgpuc import compile
from tflgpuc.litert import LiteRt
from tflgpuc.random_inputs import ports_of, random_inputs

Run = Callable[[], object]
WARM = 2


def alternating(runs: dict[str, Run], count: int) -> dict[str, float]:
    """The median milliseconds of each, after two runs that don't count."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(-WARM, count):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if turn >= 0:
                times[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(t) for name, t in times.items()}


def against_litert(model: str, target: str, device: str, library: str, runs: int) -> dict[str, Any]:
    """Milliseconds of a run of ours and of LiteRT on one CPU thread, uploads and reads included."""
    bundle = compile(model, target=target)
    inputs = random_inputs(ports_of(bundle.manifest["inputs"], None), 0)
    reference = LiteRt(Path(model), [p["shape"] for p in bundle.manifest["inputs"]])
    options = {"library": library} if device == "gles" else {}
    with bundle.runner(device, **options) as runner:
        found = alternating(
            {"ours": lambda: runner.run(inputs), "litert": lambda: reference.run(inputs)}, runs
        )
        ours = list(runner.run(inputs).values())
    return {**found, "difference": difference(ours, reference.run(inputs))}


def difference(ours: list[NDArray[Any]], theirs: list[NDArray[Any]]) -> float:
    """The largest difference, over the range of the values; of outputs in one order."""
    found = [
        float(np.abs(np.float64(a) - np.float64(b)).max(initial=0))
        / max(1.0, float(np.abs(np.float64(b)).max(initial=0)))
        for a, b in zip(ours, (np.reshape(b, a.shape) for a, b in zip(ours, theirs, strict=True)),
                        strict=True)
    ]  # fmt: skip
    return max(found, default=0.0)
