"""``tflgpuc inspect MODEL|DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tflgpuc.cli.common import debug_option, json_option, print_json, print_table

# As many of a finding's operators as a line has room for.
NAMED = 4


@click.command()
@click.argument("path", type=click.Path(path_type=Path), metavar="MODEL|DIR")
@click.option("--ops", is_flag=True, help="List every op of a model, not only kinds of ops.")
@click.option("--advise", is_flag=True, help="Say what makes a model slow, and what to change.")
@click.option("--target", metavar="NAME|FILE", help="The GPU profile that --advise estimates for.")
@json_option
@debug_option
def inspect(
    path: Path, ops: bool, advise: bool, target: str | None, as_json: bool, debug: bool
) -> None:
    """Show what a model or a bundle consists of, and what goes where."""
    from tflgpuc.backends.bundle import load
    from tflgpuc.inspection import inspect_bundle, inspect_model

    if advise:
        _advise(path, target, as_json)
        return
    if target is not None:
        raise click.UsageError("--target is for --advise")
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


def _advise(path: Path, target: str | None, as_json: bool) -> None:
    """Prints the findings of all rules."""
    from tflgpuc.advice import advise
    from tflgpuc.targets import DEFAULT

    if path.is_dir():
        raise click.UsageError("--advise takes a model, not a bundle")
    found = advise(path, target or DEFAULT)
    if as_json:
        print_json(found)
        return
    click.echo(
        f"target {found['target']}: {found['dispatches']} dispatches, {found['segments']} CPU "
        f"segments, {found['predicted_us']:,.0f} us predicted"
    )
    if not found["advice"]:
        click.echo("nothing to improve")
    for finding in found["advice"]:
        click.echo(f"\n{finding['rule']}, {finding['share']:.0%}: {finding['cost']}")
        click.echo(f"  {finding['advice']}")
        named = finding["ops"]
        for name in named[:NAMED]:
            click.echo(f"    {name}")
        if len(named) > NAMED:
            click.echo(f"    and {len(named) - NAMED} more")


def _table(title: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        print_table(title, tuple(rows[0]), [tuple(row.values()) for row in rows])
