"""``tflgpuc run DIR --input x.npy``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tflgpuc.cli.common import (
    debug_option,
    device_options,
    json_option,
    print_json,
    print_table,
    runner_options,
)


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--input", "inputs", multiple=True, required=True, metavar="[NAME=]FILE",
    help="A .npy file or an image (scaled to -1..1); may be repeated.",
)  # fmt: skip
@device_options("interpreter")
@click.option(
    "--output", type=click.Path(path_type=Path), help="A folder for the outputs as .npy files."
)
@json_option
@debug_option
def run(
    bundle: Path,
    inputs: tuple[str, ...],
    device: str,
    library: str | None,
    output: Path | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Run the bundle in BUNDLE once and print its outputs."""
    import numpy as np

    from tflgpuc.backends.bundle import load
    from tflgpuc.images import read_input

    opened = load(bundle)
    ports = {p["name"]: p["shape"] for p in opened.manifest["inputs"]}
    arrays = {
        name: read_input(Path(file), ports[name]) for name, file in _named(inputs, list(ports))
    }
    with opened.runner(device, **runner_options(device, library)) as runner:
        made = runner.run(arrays)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        for i, array in enumerate(made.values()):
            np.save(output / f"{i}.npy", array)
    rows = [_summary(name, array) for name, array in made.items()]
    if as_json:
        print_json(rows)
        return
    columns = ("output", "shape", "min", "max", "mean", "top indices")
    print_table(f"{bundle} on {device}", columns, [tuple(row.values()) for row in rows])


def _named(inputs: tuple[str, ...], names: list[str]) -> list[tuple[str, str]]:
    """Each file with its input's name; without one, files go to inputs in order."""
    found = []
    for i, text in enumerate(inputs):
        name, _, file = text.rpartition("=")
        if not name:
            if i >= len(names):
                raise click.UsageError(f"{len(inputs)} files for {len(names)} inputs")
            name = names[i]
        if name not in names:
            raise click.UsageError(f"no input {name!r}; there are {', '.join(map(repr, names))}")
        found.append((name, file))
    return found


def _summary(name: str, array: Any) -> dict[str, Any]:
    flat = array.reshape(-1)
    top = [int(i) for i in flat.argsort()[::-1][:5]]
    return {
        "output": name,
        "shape": "x".join(map(str, array.shape)),
        "min": float(flat.min()),
        "max": float(flat.max()),
        "mean": float(flat.mean()),
        "top indices": " ".join(map(str, top)),
    }
