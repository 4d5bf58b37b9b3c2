"""``tflgpuc verify MODEL DIR``."""

from __future__ import annotations

from pathlib import Path

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
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("bundle", type=click.Path(path_type=Path))
@device_options("interpreter")
@click.option(
    "--inputs", type=click.Path(path_type=Path), help="A folder of images, .npy and .npz files."
)
@click.option("--seed", default=0, show_default=True, help="Seed of the random inputs.")
@click.option("--tolerance", type=float, help="Relative; by default 1e-4 for f32 and 1e-2 for f16.")
@click.option("--strict", is_flag=True, help="Don't widen the tolerance by LiteRT's own spread.")
@json_option
@debug_option
def verify(
    model: Path,
    bundle: Path,
    device: str,
    library: str | None,
    inputs: Path | None,
    seed: int,
    tolerance: float | None,
    strict: bool,
    as_json: bool,
    debug: bool,
) -> int:
    """Compare the bundle in BUNDLE with LiteRT running MODEL; exit 1 where an output differs.

    An output passes up to a relative error of the tolerance. Where LiteRT's own sets of CPU
    kernels differ by more, that spread is shown and allowed; --strict doesn't.
    """
    from tflgpuc.backends.bundle import load
    from tflgpuc.verification import verify as compare

    options = runner_options(device, library)
    with progress() as report:
        rows = compare(
            model,
            load(bundle),
            device=device,
            options=options,
            inputs=inputs,
            seed=seed,
            tolerance=tolerance,
            strict=strict,
            progress=report,
        )
    passed = all(row.passed for row in rows)
    if as_json:
        print_json({"passed": passed, "comparisons": [row.as_json() for row in rows]})
        return int(not passed)
    print_table(
        f"{bundle} on {device} against LiteRT",
        ("case", "output", "max abs error", "relative", "tolerance", "LiteRT's spread", "verdict"),
        [
            (r.case, r.output, r.error, r.relative, r.tolerance, _spread(r.spread), r.verdict)
            for r in rows
        ],
    )
    return int(not passed)


def _spread(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
