"""``tflgpuc bench DIR``."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import click

from tflgpuc.cli.common import (
    debug_option,
    device_options,
    json_option,
    print_json,
    print_table,
    progress,
    runner_options,
)


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@device_options("gles")
@click.option("--runs", default=10, show_default=True, type=click.IntRange(1), help="Timed runs.")
@click.option(
    "--warmup", default=2, show_default=True, type=click.IntRange(0), help="Runs before them."
)
@click.option("--profile", is_flag=True, help="Time every step by itself, too.")
@click.option(
    "--against", type=click.Path(path_type=Path), metavar="MODEL",
    help="Alternate with LiteRT on one CPU thread, and print the ratio.",
)  # fmt: skip
@json_option
@debug_option
def bench(
    bundle: Path,
    device: str,
    library: str | None,
    runs: int,
    warmup: int,
    profile: bool,
    against: Path | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Measure the bundle in BUNDLE: start-up, latency with upload and read-back, and each step."""
    from tflgpuc.backends.bundle import load
    from tflgpuc.conversions import Conversions, model_inputs
    from tflgpuc.litert import LiteRt
    from tflgpuc.random_inputs import ports_of, random_inputs
    from tflgpuc.verification import graph_of

    opened = load(bundle)
    shapes = [p["shape"] for p in model_inputs(opened.manifest)]
    arrays = random_inputs(ports_of(opened.manifest["inputs"], None), 0)
    theirs = arrays
    reference = LiteRt(against, shapes) if against else None
    if reference is not None and len(reference.inputs) != len(shapes):
        raise click.UsageError(f"the bundle's inputs aren't those of {against}")
    if against is not None:
        graph = graph_of(against, model_inputs(opened.manifest))
        theirs = Conversions(opened.manifest, graph).given(arrays)
    times: dict[str, list[float]] = {"bundle": [], "LiteRT": []}
    start = time.perf_counter()
    with opened.runner(device, **runner_options(device, library)) as runner, progress() as report:
        started = time.perf_counter() - start
        for i in range(-warmup, runs):
            report(f"run {i + 1}", i + warmup, runs + warmup)
            rivals = (("bundle", runner, arrays), ("LiteRT", reference, theirs))
            for name, rival, given in rivals:
                if rival is None:
                    continue
                begin = time.perf_counter()
                rival.run(given)
                if i >= 0:
                    times[name].append(time.perf_counter() - begin)
        steps = runner.profile(arrays) if profile else []
    rows: list[dict[str, Any]] = [
        {
            "what": name,
            "min": min(t) * 1e3,
            "median": statistics.median(t) * 1e3,
            "max": max(t) * 1e3,
        }
        for name, t in times.items()
        if t
    ]
    total = sum(s.seconds for s in steps)
    stepped: list[dict[str, Any]] = [
        {
            "program": s.program,
            "ops": s.ops,
            "ms": s.seconds * 1e3,
            "share": s.seconds / total if total else 0.0,
            "GFLOP/s": 2e-9 * s.macs / s.seconds if s.seconds else 0.0,
        }
        for s in steps
    ]
    ratio = rows[0]["median"] / rows[1]["median"] if reference else None
    if as_json:
        print_json(
            {"startup_ms": started * 1e3, "latency_ms": rows, "ratio": ratio, "steps": stepped}
        )
        return
    title = f"{bundle} on {device}: ready after {started * 1e3:.0f} ms; latency of {runs} runs, ms"
    print_table(title, tuple(rows[0]), [tuple(row.values()) for row in rows])
    if ratio is not None:
        click.echo(f"bundle / LiteRT: {ratio:.2f}")
    if stepped:
        print_table("steps", tuple(stepped[0]), [tuple(row.values()) for row in stepped])
