"""``tflgpuc run DIR --input x.npy``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
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

CLASSES, TOP = 10, 5


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
    """Run the bundle in BUNDLE once and print its outputs.

    Of scores for ten classes or more, the best five are printed: position and score.
    """
    import numpy as np

    from tflgpuc.backends.bundle import load
    from tflgpuc.images import read_input

    opened = load(bundle)
    ports = {p["name"]: (p["shape"], p["dtype"]) for p in opened.manifest["inputs"]}
    arrays = {
        name: read_input(Path(file), *ports[name])
        for name, file in assign_files(inputs, list(ports)).items()
    }
    with opened.runner(device, **runner_options(device, library)) as runner:
        made = runner.run(arrays)
    rows = [_summary(name, array) for name, array in made.items()]
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        for row, file, array in zip(rows, file_names(made), made.values(), strict=True):
            row["file"] = str(output / file)
            np.save(row["file"], array)
    if as_json:
        print_json(rows)
        return
    print_table(f"{bundle} on {device}", tuple(rows[0]), [_cells(row) for row in rows])


def assign_files(given: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Each input's file from ``NAME=FILE`` or ``FILE``; those without a name go to what is left."""
    found: dict[str, str] = {}
    nameless = []
    for text in given:
        name, equals, file = text.rpartition("=")
        if not equals or (name not in names and Path(text).exists()):
            nameless.append(text)
            continue
        if name not in names:
            raise click.UsageError(f"no input {name!r}; there are {', '.join(map(repr, names))}")
        if name in found:
            raise click.UsageError(f"two files for input {name!r}")
        found[name] = file
    left = [name for name in names if name not in found]
    if len(nameless) > len(left):
        raise click.UsageError(f"{len(given)} files for {len(names)} inputs")
    return found | dict(zip(left, nameless, strict=False))


def file_names(outputs: Iterable[str]) -> list[str]:
    """One file name for each output, its own name as far as a file can have it."""
    found = [re.sub(r"[^\w.-]+", "_", name).strip(".") or "output" for name in outputs]
    if len(set(found)) < len(found):
        found = [f"{i}_{file}" for i, file in enumerate(found)]
    return [f"{file}.npy" for file in found]


def _summary(name: str, array: Any) -> dict[str, Any]:
    import numpy as np

    row: dict[str, Any] = {"output": name, "shape": list(array.shape)}
    if not array.size:
        return row | {"min": None, "max": None, "mean": None, "argmax": [], "top": []}
    row |= {"min": float(array.min()), "max": float(array.max()), "mean": float(array.mean())}
    row["argmax"] = [int(i) for i in np.unravel_index(array.argmax(), array.shape)]
    classifies = array.ndim == 2 and array.shape[1] >= CLASSES
    scores = array if classifies else np.empty((0, TOP))
    best = np.argsort(-scores.astype(np.float64), axis=-1, kind="stable")[:, :TOP]
    row["top"] = [
        [{"index": int(i), "score": float(line[i])} for i in indices]
        for line, indices in zip(scores, best, strict=True)
    ]
    return row


def _cells(row: dict[str, Any]) -> list[object]:
    top = ["; ".join(f"{one['index']}: {one['score']:.3g}" for one in best) for best in row["top"]]
    shown = {**row, "shape": "x".join(map(str, row["shape"])), "top": " | ".join(top)}
    return list(shown.values())
