"""What commands share: options, tables, progress."""

from __future__ import annotations

import contextlib
import json
import math
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.text import Text

UNBOUNDED = 100_000

F = TypeVar("F", bound=Callable[..., Any])
Progress = Callable[[str, int, int], None]


def json_option(f: F) -> F:
    """``--json``: what would be a table, as JSON."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, not a table.")(f)


def debug_option(f: F) -> F:
    """``--debug``: tracebacks; read by ``main`` itself."""
    return click.option("--debug", is_flag=True, help="Print tracebacks of errors.")(f)


def _shapes(
    ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> dict[str, tuple[int, ...]]:
    """``NAME=1,224,224,3`` as a name and a shape."""
    found = {}
    for text in given:
        name, _, shape = text.rpartition("=")
        try:
            found[name] = tuple(int(n) for n in shape.split(","))
        except ValueError:
            found[name] = ()
        if not name or not found[name] or min(found[name]) < 1:
            raise click.BadParameter(f"{text!r} is not like NAME=1,224,224,3")
    return found


def shapes_option(f: F) -> F:
    """``--input-shape``, as ``shapes``."""
    return click.option(
        "--input-shape",
        "shapes",
        multiple=True,
        callback=_shapes,
        metavar="NAME=1,224,224,3",
        help="Fix an input's shape; may be repeated.",
    )(f)


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
            type=click.Choice(["interpreter", "gles", "msl", "wgpu", "chromium"]),
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
    """A value as JSON on stdout; numbers that JSON lacks become "NaN", "Infinity", "-Infinity"."""
    click.echo(json.dumps(_spelled(value), indent=1))


def _spelled(value: Any) -> Any:
    match value:
        case dict():
            return {key: _spelled(v) for key, v in value.items()}
        case list() | tuple():
            return [_spelled(v) for v in value]
        case float() if not math.isfinite(value):
            return json.dumps(value)
    return value


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on stdout; columns whose cells are all numbers are set to the right."""
    from rich.console import Console
    from rich.table import Table

    click.echo(title)
    table = Table(box=None, pad_edge=False)
    for i, column in enumerate(columns):
        numbers = all(isinstance(row[i], int | float) for row in rows)
        table.add_column(column, justify="right" if numbers and rows else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    # A file or a pipe has no width to cut cells to.
    Console(width=None if sys.stdout.isatty() else UNBOUNDED, emoji=False).print(table)


def _cell(value: object) -> Text:
    # Text, since a str would be read for markup, which names may look like.
    from rich.text import Text

    match value:
        case None:
            return Text("")
        case bool():
            return Text("yes" if value else "")
        case float():
            return Text(f"{value:.3g}")
        case int():
            return Text(f"{value:,}")
        case list() | tuple():
            return Text(" ".join(map(str, value)))
    return Text(str(value))


class Termination:
    """SIGTERM as an exception, which lets ``finally`` remove half-written files.

    Python drops what is raised inside a weakref's callback, and imports have those; so a command asks
    again between its stages.
    """

    def __init__(self) -> None:
        self._received: int | None = None

    def listen(self) -> None:
        """Handles SIGTERM from here on."""
        self._received = None
        signal.signal(signal.SIGTERM, self._terminated)

    def _terminated(self, number: int, frame: FrameType | None) -> None:
        self._received = number
        self.ask()

    def ask(self) -> None:
        """Raises SystemExit where SIGTERM came."""
        if self._received is not None:
            raise SystemExit(128 + self._received)


termination = Termination()


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    """Reports stages on stderr, where that is a terminal; any stage may end in SystemExit."""
    if not sys.stderr.isatty():
        yield lambda stage, done, total: termination.ask()
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def report(stage: str, done: int, total: int) -> None:
            termination.ask()
            bar.update(task, description=stage, completed=done, total=total)

        yield report
