"""Dispatches before and after fusion, the arena and its lower bound, by model.

    python -m benchmarks.dispatches [--models DIR] [--target generic] [--json FILE]

Before fusion every operator that computes anything is a dispatch of its own, and copies come on top.
"""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.common import Row, benchmark, chosen, report
from benchmarks.offline_gpu import vision_models
from tflgpuc import compile
from tflgpuc.frontend import import_model
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.targets import DEFAULT


def row(model: Path, target: str) -> Row:
    """The figures of one model."""
    made = compile(model, target=target).manifest
    steps = [s for s in made["steps"] if s["type"] == "dispatch"]
    memory = made["memory"]
    operators = sum(not isinstance(op, Constant) for op in import_model(model).main.ops)
    bound = memory["lower_bound_bytes"]
    return {
        "model": model.stem,
        "operators": operators,
        "dispatches": len(steps),
        "copies": sum(s["op"] == "gpu.copy" for s in steps),
        "segments": len(made["steps"]) - len(steps),
        "programs": len(made["programs"]),
        "arena": memory["arena_bytes"],
        "lower bound": bound,
        "ratio": memory["arena_bytes"] / bound if bound else 1.0,
    }


@benchmark
@click.option("--target", default=DEFAULT, show_default=True)
def main(models: Path | None, names: tuple[str, ...], file: Path | None, target: str) -> None:
    """Counts that don't depend on the machine."""
    rows = [row(model, target) for model in chosen(models, names, vision_models)]
    report(f"dispatches and memory, target {target}", rows, file)


if __name__ == "__main__":
    main()
