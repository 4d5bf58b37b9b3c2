"""Latency of our bundles against LiteRT on one CPU thread, in turns, by model.

python -m benchmarks.latency [--models DIR] [--target llvmpipe --library system] [--json FILE]
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from benchmarks.common import Row, benchmark, child, chosen, geometric_mean, report
from benchmarks.offline_gpu import vision_models
from benchmarks.rivals import against_litert


def measure(**job: Any) -> dict[str, Any]:
    """One model, in this process."""
    return against_litert(**job)


@benchmark
@click.option("--target", default="llvmpipe", show_default=True)
@click.option("--device", default="gles", show_default=True)
@click.option("--library", default="system", show_default=True, help="The OpenGL ES library.")
@click.option("--runs", default=10, show_default=True, help="Timed runs of each.")
def main(
    models: Path | None,
    names: tuple[str, ...],
    file: Path | None,
    target: str,
    device: str,
    library: str,
    runs: int,
) -> None:
    """Medians of alternating runs, their ratio, and the geometric mean of all ratios."""
    rows: list[Row] = []
    for model in chosen(models, names, vision_models):
        job = {"model": str(model.resolve()), "target": target, "device": device,
               "library": library, "runs": runs}  # fmt: skip
        found = child("benchmarks.latency", job)
        row: Row = {"model": model.stem, "ours_ms": found.get("ours")}
        row |= {"litert_ms": found.get("litert"), "difference": found.get("difference")}
        row["ratio"] = found["ours"] / found["litert"] if "ours" in found else None
        rows.append(row | {"note": found.get("error", "")})
    mean = geometric_mean(r["ratio"] for r in rows if r["ratio"] is not None)
    report(f"{target} on {device} {library} / LiteRT CPU, 1 thread", rows, file, mean_ratio=mean)


if __name__ == "__main__":
    main()
