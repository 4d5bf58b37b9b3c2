"""``tflgpuc inspect MODEL|DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tflgpuc.cli.common import debug_option, json_option, print_json, print_table


@click.command()
@click.argument("path", type=click.Path(path_type=Path), metavar="MODEL|DIR")
@click.option("--ops", is_flag=True, help="List every op of a model, not only kinds of ops.")
@json_option
@debug_option
def inspect(path: Path, ops: bool, as_json: bool, debug: bool) -> None:
    """Show what a model or a bundle consists of, and what goes where."""
    from tflgpuc.backends.bundle import load
    from tflgpuc.inspection import inspect_bundle, inspect_model

    found = inspect_bundle(load(path)) if path.is_dir() else inspect_model(path)
    if as_json:
        print_json(found)
        return
    for kind in ("inputs", "outputs"):
        for port in found[kind]:
            format = f", {port['format']}" if "format" in port else ""
            click.echo(f"{kind[:-1]} {port['name']}: {port['type']}{format}")
    if path.is_dir():
        memory = found["memory"]
        click.echo(
            f"target {found['target']}, precision {found['precision']}, "
            f"weights {memory['weights_bytes']:,} bytes, arena {memory['arena_bytes']:,} bytes "
            f"(lower bound {memory['lower_bound_bytes']:,})"
        )
        _table(f"{len(found['steps'])} steps of {found['programs']} programs", found["steps"])
    else:
        click.echo(
            f"{found['macs'] / 1e6:.1f} million MACs, constants {found['constant_bytes']:,} bytes, "
            f"{found['subgraphs']} subgraphs, signatures: {', '.join(found['signatures']) or 'none'}"
        )
        rows = found["ops"] if ops else found["histogram"]
        _table(f"{len(found['ops'])} ops", rows)


def _table(title: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        print_table(title, tuple(rows[0]), [tuple(row.values()) for row in rows])
