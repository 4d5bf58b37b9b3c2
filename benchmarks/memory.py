"""Peak memory of a compile and of a run, by model.

    python -m benchmarks.memory [--models DIR] [--target llvmpipe] [--json FILE]

Each is the largest resident set of a process of its own. ``idle`` is that of the same process
without a bundle: Python, NumPy and, for a run, the driver.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from benchmarks.common import Row, benchmark, child, chosen, report
from benchmarks.offline_gpu import vision_models
from tflgpuc.backends.bundle import load
from tflgpuc.driver import compile
from tflgpuc.random_inputs import ports_of, random_inputs


def measure(action: str, model: str, bundle: str, **options: Any) -> dict[str, Any]:
    """Compiles ``model`` into ``bundle``, or runs that twice, or only starts."""
    if action == "compile":
        made = compile(model, target=options["target"]).save(bundle)
        return {"saved": str(made)}
    if action == "run":
        opened = load(bundle)
        inputs = random_inputs(ports_of(opened.manifest["inputs"], None), 0)
        with opened.runner("gles", library=options["library"]) as runner:
            for _ in range(2):
                runner.run(inputs)
        memory = opened.manifest["memory"]
        return {"planned": memory["arena_bytes"] + memory["weights_bytes"]}
    return {}


@benchmark
@click.option("--target", default="llvmpipe", show_default=True)
@click.option("--library", default="system", show_default=True, help="The OpenGL ES library.")
def main(
    models: Path | None, names: tuple[str, ...], file: Path | None, target: str, library: str
) -> None:
    """Peak memory of processes that do one thing each."""
    rows: list[Row] = []
    for model in chosen(models, names, vision_models):
        with tempfile.TemporaryDirectory() as work:
            job = {"model": str(model.resolve()), "bundle": f"{work}/bundle"}
            job |= {"target": target, "library": library}
            found = {
                action: child("benchmarks.memory", {**job, "action": action})
                for action in ("idle", "compile", "run")
            }
        rows.append({
            "model": model.stem,
            "file": model.stat().st_size,
            "idle": found["idle"].get("peak_bytes"),
            "compile": found["compile"].get("peak_bytes"),
            "run": found["run"].get("peak_bytes"),
            "arena + weights": found["run"].get("planned"),
            "note": found["compile"].get("error", "") or found["run"].get("error", ""),
        })  # fmt: skip
    report(f"peak memory in bytes, target {target} on {library}", rows, file)


if __name__ == "__main__":
    main()
