"""What benchmarks share: models, child processes, medians, tables and JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks.places import ROOT, models_folder

Row = dict[str, Any]
PACKAGES = ("numpy", "ai-edge-litert", "comfy-angle")
TIMEOUT = 900


def machine() -> Row:
    """What the figures hold for: the processor, the versions and the day."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "missing"
    return {
        "date": date.today().isoformat(),
        "cpu": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "versions": versions,
    }


def report(title: str, rows: Sequence[Row], file: Path | None, **more: Any) -> None:
    """Prints rows as a table, what else there is below it, and writes all of it as JSON."""
    table = Table(title=title)
    for name in dict.fromkeys(name for row in rows for name in row):
        table.add_column(name, justify="left" if _is_text(rows, name) else "right")
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in dict.fromkeys(n for r in rows for n in r)))
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    for name, value in more.items():
        console.print(f"{name.replace('_', ' ')}: {_cell(value)}", highlight=False)
    found = {"title": title, "machine": machine(), "rows": rows, **more}
    console.print(json.dumps(found["machine"]), highlight=False, soft_wrap=True)
    if file is not None:
        file.write_text(json.dumps(found, indent=1) + "\n")


def _is_text(rows: Sequence[Row], name: str) -> bool:
    return any(isinstance(row.get(name), str) for row in rows)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def geometric_mean(values: Iterable[float]) -> float | None:
    """The geometric mean; None of nothing."""
    found = list(values)
    return statistics.geometric_mean(found) if found else None


def child(module: str, job: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Row:
    """What ``python -m benchmarks.child MODULE JOB`` prints, a JSON object; ``error`` if it fails.

    Drivers keep to one library a process, crash, and leave memory behind: each measurement gets a
    process of its own. The row has its peak memory and CPU seconds, too.
    """
    command = [sys.executable, "-m", "benchmarks.child", module, json.dumps(job)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **(environment or {})}, capture_output=True,
            text=True, timeout=TIMEOUT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"error": f"more than {TIMEOUT} s"}
    found = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not found:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return {"error": lines[-1][:160]}
    made: Row = json.loads(found[-1])
    return made


def benchmark(function: Callable[..., None]) -> click.Command:
    """A command with what all benchmarks take: ``--models``, ``--model`` and ``--json``."""
    for option in (
        click.option("--json", "file", type=click.Path(path_type=Path), help="Write figures here."),
        click.option("--model", "names", multiple=True, help="Only this file; may be repeated."),
        click.option("--models", type=click.Path(path_type=Path), help="A folder of models."),
    ):
        function = option(function)
    return click.command()(function)


def chosen(
    models: Path | None, names: Sequence[str], default: Callable[[Path], list[Path]]
) -> list[Path]:
    """The named models of a folder, by default those that ``default`` picks."""
    folder = models or models_folder()
    if folder is None:
        raise click.UsageError("give --models: there is no folder of models beside the checkout")
    return [folder / n for n in names] or default(folder)
