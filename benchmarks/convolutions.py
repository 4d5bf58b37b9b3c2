"""The speed of each convolution of a model as compiled, and with the best of all tiles.

    python -m benchmarks.convolutions [--model FILE] [--sweep] [--json FILE]

GFLOP/s are per CPU second of the process, the driver's threads included: on software GPUs that is the
speed of one core, whatever else runs. The sweep compiles the model once for each tile, with only that
tile to choose, and takes the fastest for each convolution.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.common import Row, benchmark, child, chosen, report
from tflgpuc import compile
from tflgpuc.ir.target import Target, Tile
from tflgpuc.random_inputs import ports_of, random_inputs
from tflgpuc.targets import load_target

MODELS = ("mobilenet_v1_1.0_224_float.tflite", "deeplabv3_257_mv_gpu.tflite")
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
# Pixels along x, output slices, and rows.
TILES = tuple(Tile(p, s) for p in (1, 2, 4, 8) for s in (1, 2, 4))
DEPTHWISE = tuple(Tile(p, 1, r) for p in (1, 2, 4, 8) for r in (1, 2, 4))
# A step is repeated for at least this long, so that the clock's grain doesn't matter.
SECONDS = 0.05


def with_tile(target: Target, tile: list[int] | None) -> Target:
    """The target with one tile to choose, where convolutions of a kind can have it."""
    if tile is None:
        return target
    only = Tile(*tile)
    return dataclasses.replace(
        target,
        tiles=(only,) if only.rows == 1 else target.tiles,
        depthwise_tiles=(only,) if only.slices == 1 else target.depthwise_tiles,
    )


def measure(
    model: str, target: str, device: str, library: str, runs: int, tile: list[int] | None = None
) -> dict[str, Any]:
    """CPU seconds of each step that is a convolution, by the operators it computes."""
    bundle = compile(model, target=with_tile(load_target(target), tile))
    options = {"library": library} if device == "gles" else {}
    steps: list[Row] = []
    with bundle.runner(device, **options) as runner:
        runner.run(random_inputs(ports_of(bundle.manifest["inputs"], None), 0))
        for step in bundle.manifest["steps"]:
            opcodes = [s["opcode"] for s in step["sources"] if s["opcode"] in CONVOLUTIONS]
            if step["type"] != "dispatch" or not opcodes or not step["macs"]:
                continue
            times = []
            for _ in range(runs):
                start, count, wall = time.process_time(), 0, time.perf_counter()
                while not count or time.perf_counter() - wall < SECONDS:
                    runner.dispatch(step)
                    runner.finish()
                    count += 1
                times.append((time.process_time() - start) / count)
            outputs = [s["outputs"][0] for s in step["sources"] if s["opcode"] in CONVOLUTIONS]
            steps.append({
                "name": outputs[0] if len(outputs) == 1 else " + ".join(outputs),
                "kind": "+".join(opcodes).lower(),
                "program": step["program"],
                "tile": "x".join(map(str, step["tile"])),
                "macs": step["macs"],
                "seconds": statistics.median(times),
            })  # fmt: skip
    return {"steps": steps}


def speed(step: Row) -> float:
    """GFLOP/s per CPU second."""
    return float(2e-9 * step["macs"] / step["seconds"])


def rows_of(model: Path, job: Row, tiles: tuple[Tile, ...]) -> list[Row]:
    """A row for each convolution as compiled, with the fastest of ``tiles``."""
    found = child("benchmarks.convolutions", job)
    if "error" in found:
        return [{"model": model.stem, "note": found["error"]}]
    best: dict[str, Row] = {step["name"]: step for step in found["steps"]}
    for tile in tiles:
        sizes = [tile.pixels, tile.slices, tile.rows]
        swept = child("benchmarks.convolutions", {**job, "tile": sizes})
        for step in swept.get("steps", []):
            known = best.get(step["name"])
            if known is None or step["seconds"] < known["seconds"]:
                best[step["name"]] = step
    rows = []
    for step in found["steps"]:
        row = {"model": model.stem, "program": step["program"], "tile": step["tile"]}
        row |= {"million MACs": step["macs"] / 1e6, "GFLOP/s": speed(step)}
        fastest = best[step["name"]]
        if tiles:
            row |= {"best tile": fastest["tile"], "best": speed(fastest)}
            row["share"] = speed(step) / speed(fastest)
        rows.append(row)
    return rows


@benchmark
@click.option("--target", default="llvmpipe", show_default=True)
@click.option("--device", default="gles", show_default=True)
@click.option("--library", default="system", show_default=True, help="The OpenGL ES library.")
@click.option("--runs", default=5, show_default=True, help="Timings of each step.")
@click.option("--sweep", is_flag=True, help="Try all tiles, too.")
def main(
    models: Path | None,
    names: tuple[str, ...],
    file: Path | None,
    target: str,
    device: str,
    library: str,
    runs: int,
    sweep: bool,
) -> None:
    """GFLOP/s of every convolution; with ``--sweep`` the share of the best tile's."""
    rows: list[Row] = []
    tiles = tuple(dict.fromkeys(TILES + DEPTHWISE)) if sweep else ()
    for model in chosen(models, names, lambda folder: [folder / name for name in MODELS]):
        job = {"model": str(model.resolve()), "target": target, "device": device}
        rows += rows_of(model, {**job, "library": library, "runs": runs}, tiles)
    shares = [row["share"] for row in rows if "share" in row]
    lowest = min(shares, default=None)
    middle = float(np.median(shares)) if shares else None
    title = f"convolutions, GFLOP/s per CPU second, target {target} on {device} {library}"
    report(title, rows, file, lowest_share=lowest, median_share=middle)


if __name__ == "__main__":
    main()
