"""``tflgpuc zoo FOLDER``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from tflgpuc.cli.common import (
    debug_option,
    device_options,
    print_table,
    progress,
    runner_options,
)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@device_options("interpreter")
@click.option("--target", default="generic-gles31", show_default=True, help="A target profile.")
@click.option(
    "--precision",
    type=click.Choice(["f32", "f16"]),
    default="f32",
    show_default=True,
    help="How tensors and weights are stored.",
)
@click.option(
    "--json", "report", type=click.Path(path_type=Path, dir_okay=False), metavar="REPORT",
    help="Write a report after each model; skip models that are in it.",
)  # fmt: skip
@click.option(
    "--timeout", default=600.0, show_default=True, type=click.FloatRange(0, min_open=True),
    help="Seconds that a model may take.",
)  # fmt: skip
@click.option(
    "--memory", default=8192, show_default=True, type=click.IntRange(0), metavar="MB",
    help="Address space that a model may take; 0 for no limit.",
)  # fmt: skip
@click.option(
    "--jobs", default=1, show_default=True, type=click.IntRange(1), help="Models at a time."
)
@click.option("--only", metavar="GLOB", help="Only files with such names.")
@click.option(
    "--inputs", type=click.Path(path_type=Path), help="A folder of images, .npy and .npz files."
)
@click.option("--no-cpu", is_flag=True, help="Refuse models of which a part runs on the CPU.")
@click.option("--again", is_flag=True, help="Judge models again that the report has.")
@debug_option
def zoo(
    folder: Path,
    device: str,
    library: str | None,
    target: str,
    precision: str,
    report: Path | None,
    timeout: float,
    memory: int,
    jobs: int,
    only: str | None,
    inputs: Path | None,
    no_cpu: bool,
    again: bool,
    debug: bool,
) -> int:
    """Compile every model in FOLDER and compare each with LiteRT; exit 1 where something is wrong.

    A model that tflgpuc or LiteRT refuses is not wrong; one whose outputs differ is, and one that
    crashes or takes too much time or memory. Each runs in a process of its own.
    """
    from tflgpuc.judges import BAD, Options
    from tflgpuc.targets import load_target
    from tflgpuc.zoo import by_family, families, judge_all, models, read_report, write_report

    runner_options(device, library)
    load_target(target)
    files = models(folder, only)
    family = families(folder, files)
    options = Options(
        device=device,
        library=library,
        target=target,
        precision=precision,
        inputs=None if inputs is None else str(inputs.absolute()),
        cpu=not no_cpu,
        timeout=timeout,
        memory=memory,
    )
    known = read_report(report) if report is not None else {}

    def keep(rows: Mapping[str, Any]) -> None:
        if report is not None:
            write_report(report, rows)

    with progress() as shown:
        rows = judge_all(
            files,
            options,
            known={} if again else known,
            jobs=jobs,
            done=shown,
            keep=lambda made: keep({**known, **made}),
        )
    print_table(
        f"{folder} on {device}, {precision}",
        ("model", "family", "verdict", "GPU ops", "CPU ops", "relative", "quanta", "s", "why"),
        [_line(name, family[name], row) for name, row in rows.items()],
    )
    totals = by_family(rows, family)
    print_table("by family", tuple(totals[0]), [tuple(row.values()) for row in totals])
    return int(any(row["verdict"] in BAD for row in rows.values()))


def _line(name: str, family: str, row: Mapping[str, Any]) -> tuple[object, ...]:
    from tflgpuc.judges import reason

    figures = ("gpu_ops", "cpu_ops", "relative", "quanta", "compile_seconds")
    values = (row.get(figure) for figure in figures)
    cells = ("" if value is None else value for value in values)
    return (name, family, row["verdict"], *cells, reason(row).replace("\n", " "))
