"""How compile time and memory grow: with the number of operators, and with the size of weights.

    python -m benchmarks.compile_time [--ops 10,100,...] [--megabytes 64,...] [--json FILE]

Every compile is a process of its own, start-up included, and its bundle is saved. Times are CPU
seconds, which other processes change little, and wall seconds. Models are made up; ``--model`` adds
real ones. Peak memory is the largest resident set, mapped files included.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from benchmarks.common import Row, benchmark, child, chosen, report
from benchmarks.synthetic import SHAPES, heavy, save
from tflgpuc.targets import DEFAULT


def measure(model: str, out: str, target: str) -> dict[str, Any]:
    """Compiles and saves one model."""
    start = time.perf_counter()
    from tflgpuc import compile

    imported = time.process_time()
    bundle = compile(model, target=target)
    bundle.save(out)
    return {
        "startup_s": imported,
        "wall_s": time.perf_counter() - start,
        "dispatches": sum(s["type"] == "dispatch" for s in bundle.manifest["steps"]),
    }


def compiled(label: str, model: Path, target: str, folder: Path) -> Row:
    """A row: one compile."""
    job = {"model": str(model.resolve()), "out": str(folder / "bundle"), "target": target}
    found = child("benchmarks.compile_time", job)
    size = model.stat().st_size
    return {
        "model": label,
        "file": size,
        "dispatches": found.get("dispatches"),
        "start-up CPU s": found.get("startup_s"),
        "CPU s": found.get("cpu_s"),
        "wall s": found.get("wall_s"),
        "peak bytes": found.get("peak_bytes"),
        "peak / file": found["peak_bytes"] / size if "peak_bytes" in found else None,
        "note": found.get("error", ""),
    }


def numbers(text: str) -> list[int]:
    """The numbers in a list with commas."""
    return [int(part) for part in text.split(",") if part]


def rows_of(
    models: list[Path], ops: list[int], megabytes: list[int], constants: list[int], target: str
) -> Iterator[Row]:
    """Real models, then graphs by shape and size, then weights in several and few constants."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        file = folder / "model.tflite"
        for model in models:
            yield compiled(model.stem, model, target, folder)
        for shape, make in SHAPES.items():
            for count in ops:
                save(make(count), file)
                yield compiled(f"{shape}, {count} operators", file, target, folder)
        for size in megabytes:
            for count in constants:
                save(heavy(size << 20, count), file)
                yield compiled(f"{size} MiB in {count} constants", file, target, folder)


@benchmark
@click.option("--ops", default="10,100,500,1000,10000", show_default=True)
@click.option("--megabytes", default="64,256,1024", show_default=True)
@click.option("--constants", default="1,8,64", show_default=True, help="Pieces of the weights.")
@click.option("--target", default=DEFAULT, show_default=True)
def main(
    models: Path | None,
    names: tuple[str, ...],
    file: Path | None,
    ops: str,
    megabytes: str,
    constants: str,
    target: str,
) -> None:
    """Time and memory of compiles, each in a process of its own."""
    real = chosen(models, names, lambda folder: []) if names else []
    rows = list(rows_of(real, numbers(ops), numbers(megabytes), numbers(constants), target))
    report(f"compile time, target {target}", rows, file)


if __name__ == "__main__":
    main()
