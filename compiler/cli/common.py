"""What commands share: options, tables, progress."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
Progress = Callable[[str, int, int], None]


def json_option(f: F) -> F:
    """``--json``: what would be a table, as JSON."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, not a table.")(f)


def debug_option(f: F) -> F:
    """``--debug``: tracebacks; read by ``main`` itself."""
    return click.option("--debug", is_flag=True, help="Print tracebacks of errors.")(f)


def device_options(default: str) -> Callable[[F], F]:
    """``--device`` and ``--library``."""

    def add(f: F) -> F:
        f = click.option(
            "--library",
            metavar="NAME|DIR",
            help="EGL and GLES libraries for gles: a folder, or system, angle, angle-swiftshader, "
            "angle-lavapipe.",
        )(f)
        return click.option(
            "--device",
            type=click.Choice(["interpreter", "gles", "msl"]),
            default=default,
            show_default=True,
            help="Where to run the bundle.",
        )(f)

    return add


def runner_options(device: str, library: str | None) -> dict[str, Any]:
    """What ``Bundle.runner`` takes for these options."""
    if library is not None and device != "gles":
        raise click.UsageError("--library goes with --device gles")
    return {} if library is None else {"library": library}


def print_json(value: Any) -> None:
    """A value as JSON on stdout."""
    click.echo(json.dumps(value, indent=1))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on stdout; columns whose cells are all numbers are set to the right."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for i, column in enumerate(columns):
        numbers = all(isinstance(row[i], int | float) for row in rows)
        table.add_column(column, justify="right" if numbers and rows else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    # Where nobody watches, nothing is cut to a terminal's width.
    Console(width=None if sys.stdout.isatty() else 200).print(table, markup=False)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float):
        return f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    """Reports stages on stderr, where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda stage, done, total: bar.update(
            task, description=stage, completed=done, total=total
        )
