"""``tflgpuc tune MODEL...``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tflgpuc.cli.common import (
    debug_option,
    device_options,
    json_option,
    print_json,
    print_table,
    progress,
    runner_options,
    shapes_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tflgpuc.explanation import Explanation
    from tflgpuc.ir.tuning import Tuning
    from tflgpuc.tuning import Subject


@click.command()
@click.argument(
    "models", metavar="MODEL...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@device_options("gles")
@click.option(
    "--target", default="generic-gles31", show_default=True, help="A target profile or its file."
)
@click.option(
    "--precision",
    type=click.Choice(["f32", "f16"]),
    default="f32",
    show_default=True,
    help="How tensors and weights are stored.",
)
@shapes_option
@click.option(
    "--cache", type=click.Path(path_type=Path), metavar="FILE",
    help="Where times are kept, by default tflgpuc/tuning.json in the user's cache folder.",
)  # fmt: skip
@click.option(
    "--repetitions", default=5, show_default=True, type=click.IntRange(1),
    help="Timed launches of each variant; the fastest counts.",
)  # fmt: skip
@click.option(
    "--again", is_flag=True, help="Measure what the cache knows, too; the fastest counts."
)
@click.option(
    "--write-target", type=click.Path(path_type=Path), metavar="FILE.toml",
    help="Fit the target's rates to the times, and write it.",
)  # fmt: skip
@json_option
@debug_option
def tune(
    models: tuple[Path, ...],
    device: str,
    library: str | None,
    target: str,
    precision: str,
    shapes: dict[str, tuple[int, ...]],
    cache: Path | None,
    repetitions: int,
    again: bool,
    write_target: Path | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Measure every variant of the models' kernels on the present device, for compile --tuned.

    What the cache knows already isn't measured again, so an interrupted run goes on where it was.
    """
    from tflgpuc.driver import compile
    from tflgpuc.explanation import Explanation
    from tflgpuc.fitting import fitted, samples
    from tflgpuc.ir.tuning import Tuning
    from tflgpuc.targets import load_target, target_text
    from tflgpuc.tuning import Device, model_seconds, subjects
    from tflgpuc.tuning import tune as measure_all
    from tflgpuc.tuning_cache import default_cache, read_cache, write_cache

    place = Device(device, runner_options(device, library))
    path = cache or default_cache()
    known = read_cache(path)
    profile = load_target(target)
    if write_target is not None and write_target.suffix != ".toml":
        raise click.UsageError(f"{write_target}: a target's file ends in .toml")

    def explained(tuning: Tuning | None) -> Explanation:
        told = Explanation()
        options: dict[str, Any] = {"precision": precision, "input_shapes": shapes}
        options |= {"emit": (place.language,), "tuning": tuning, "explanation": told}
        for model in models:
            compile(model, target=profile, **options)
        return told

    plain = explained(None)
    found = subjects(plain.considered(), profile)
    driver = place.driver()
    with progress() as report:
        measured = measure_all(
            found,
            place,
            known,
            lambda rows: write_cache(path, rows.values()),
            progress=report,
            repetitions=repetitions,
            again=again,
        )
    tuning = Tuning(driver, {key: m.seconds for (on, key), m in measured.items() if on == driver})
    summary = _summary(found, tuning)
    total = model_seconds(plain.launched(), profile, tuning, by_estimate=True)
    best = model_seconds(explained(tuning).launched(), profile, tuning)
    summary |= {"estimated_ms": 1e3 * total, "tuned_ms": 1e3 * best}
    summary |= {"cache": str(path), "driver": driver, "target": profile.name}
    if write_target is not None:
        made = fitted(samples(found, measured, driver), profile)
        write_target.write_text(target_text(made))
        summary["written"] = str(write_target)
    if as_json:
        print_json(summary)
        return
    _print(summary)


def _summary(found: Sequence[Subject], tuning: Tuning) -> dict[str, Any]:
    from tflgpuc.fitting import rank_correlation

    seconds = {key: sum(times) for key, times in tuning.seconds.items()}
    rows = [_row(subject, seconds) for subject in found]
    pairs = [(v["predicted_us"], v["measured_us"]) for row in rows for v in row["variants"]]
    within = [row["rank_correlation"] for row in rows if row["rank_correlation"] is not None]
    return {
        "rows": rows,
        "rank_correlation": rank_correlation([p for p, _ in pairs], [m for _, m in pairs]),
        "rank_correlation_within": sum(within) / len(within) if within else None,
    }


def _row(subject: Subject, seconds: dict[str, float]) -> dict[str, Any]:
    """One kernel: what each variant should take and takes, and what choosing by time gains."""
    from tflgpuc.fitting import rank_correlation

    predicted = [1e6 * c.predicted for c in subject.candidates]
    took = [1e6 * seconds[key] for key in subject.keys]
    names = [str(c.variant) for c in subject.candidates]
    listed = zip(names, predicted, took, strict=True)
    return {
        "op": str(subject),
        "variants": [{"variant": n, "predicted_us": p, "measured_us": t} for n, p, t in listed],
        "estimated_best": names[0],
        "measured_best": names[took.index(min(took))],
        "rank_correlation": rank_correlation(predicted, took) if len(took) > 1 else None,
        "gain": took[0] / min(took),
    }


def _print(summary: dict[str, Any]) -> None:
    rows = [
        (
            row["op"],
            row["estimated_best"],
            row["variants"][0]["predicted_us"],
            row["variants"][0]["measured_us"],
            row["measured_best"],
            min(v["measured_us"] for v in row["variants"]),
            row["gain"],
            row["rank_correlation"],
        )
        for row in summary["rows"]
    ]
    columns = (
        "kernel", "estimated best", "estimate us", "took us", "measured best", "took us", "gain",
        "rank correlation",
    )  # fmt: skip
    print_table(f"{summary['target']} on {summary['driver']}", columns, rows)
    within = summary["rank_correlation_within"]
    click.echo(
        f"rank correlation {summary['rank_correlation']:.3f} over all variants"
        + (f", {within:.3f} on average among one kernel's" if within is not None else "")
        + f"\nall kernels take {summary['estimated_ms']:.1f} ms as estimates choose them, "
        f"{summary['tuned_ms']:.1f} ms as times do\ntimes are in {summary['cache']}"
    )
    if "written" in summary:
        click.echo(f"a target with rates fitted to them is {summary['written']}")
