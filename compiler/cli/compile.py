"""``tflgpuc compile MODEL -o DIR``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tflgpuc.cli.common import (
    debug_option,
    json_option,
    print_json,
    print_table,
    progress,
    shapes_option,
)

if TYPE_CHECKING:
    from tflgpuc.explanation import Explanation
    from tflgpuc.ir.tuning import Tuning


def _formats(
    ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    """``NAME=FORMAT[,OPTION=VALUE...]`` as a name and a format; names may contain ``=``."""
    found = {}
    for text in given:
        head, comma, options = text.partition(",")
        name, _, kind = head.rpartition("=")
        if not name or not kind:
            raise click.BadParameter(f"{text!r} is not like NAME=rgba8")
        if name in found:
            raise click.BadParameter(f"two formats for {name!r}")
        found[name] = kind + comma + options
    return found


class Stages:
    """What each stage took: from its start to the next one's, with what happens between passes."""

    def __init__(self) -> None:
        self.seconds: list[tuple[str, float]] = []
        self._running: tuple[str, float] | None = None

    def start(self, stage: str) -> None:
        """Ends the stage before and starts this one."""
        self.stop()
        self._running = (stage, time.perf_counter())

    def stop(self) -> None:
        """Ends the stage that runs, if any does."""
        if self._running is not None:
            stage, begun = self._running
            self.seconds.append((stage, time.perf_counter() - begun))
            self._running = None

    def print(self) -> None:
        """A line a stage on stderr: milliseconds, share, name; the total last."""
        total = sum(seconds for _, seconds in self.seconds)
        for stage, seconds in [*self.seconds, ("total", total)]:
            share = seconds / total if total else 0.0
            click.echo(f"{seconds * 1e3:9.1f} ms {share:6.1%}  {stage}", err=True)


def _check_printed(passes: Sequence[str], wanted: Sequence[str]) -> None:
    """Refuses to print the IR around a pass that doesn't run."""
    for name in wanted:
        if name not in passes and name != "all":
            ran = ", ".join(dict.fromkeys(passes))
            raise click.UsageError(f"no pass {name!r} to print the IR around; there are {ran}, all")


def _list_targets(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from tflgpuc.targets import load_target, target_names

        for name in target_names():
            click.echo(f"{name}: {load_target(name).description}")
        ctx.exit()


def _list_passes(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from tflgpuc.passes.base import PASSES
        from tflgpuc.passes.pipeline import GROUPS

        for name, cls in sorted(PASSES.items()):
            click.echo(f"{name}: {cls.describe()}")
        for name, text in GROUPS.items():
            click.echo(f"{name} = {text}")
        ctx.exit()


@click.command("compile")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The bundle's folder."
)
@click.option(
    "--target", default="generic-gles31", show_default=True, help="A target profile or its file."
)
@click.option(
    "--precision",
    type=click.Choice(["f32", "f16", "auto"]),
    default="f32",
    show_default=True,
    help="How tensors and weights are stored; auto decides for each by its range and the error.",
)
@click.option(
    "--precision-bound",
    type=click.FloatRange(min=0, min_open=True),
    metavar="ERROR",
    help="The largest error of an output that f16 and auto may make, relative to the largest of 1 "
    "and its range; 0.01 by default.",
)
@click.option(
    "--calibrate", type=click.Path(path_type=Path), metavar="FOLDER",
    help="Images, .npy and .npz files that f16 and auto judge ranges and errors by.",
)  # fmt: skip
@shapes_option
@click.option(
    "--input-format", "input_formats", multiple=True, callback=_formats,
    metavar="NAME=rgba8[,OPTION=VALUE...]",
    help="Take an RGBA8 image as an input; may be repeated. Options: size=640x480 (of the image), "
    "scale=1/127.5 and bias=-1 (of bytes; or three, 1:0.5:2), order=rgb|bgr (the model's), "
    "resize=bilinear|nearest|none.",
)  # fmt: skip
@click.option(
    "--output-format", "output_formats", multiple=True, callback=_formats,
    metavar="NAME=rgba8|argmax|top_k:K|f32",
    help="Give an output as an RGBA8 image (options scale=255, bias=0), as the place of the greatest "
    "channel, as the K greatest and their places, or as real numbers; may be repeated.",
)  # fmt: skip
@click.option("--passes", help="A pipeline instead of the default one.")
@click.option(
    "--emit", default="glsl,msl", show_default=True, help="Languages to print, of glsl, msl, wgsl."
)
@click.option(
    "--host", default="", help="Languages to print host code in: cpp, java, objc, python, swift."
)
@click.option("--no-cpu", is_flag=True, help="Refuse operators that only the CPU can run.")
@click.option(
    "--custom-ops", is_flag=True, help="Custom operators that TFLite lacks are the app's own."
)
@click.option("--name", help="The model's name in the bundle; by default the file's.")
@click.option(
    "--print-ir-before",
    "before",
    multiple=True,
    metavar="PASS",
    help="Print the IR before a pass, or before all.",
)
@click.option(
    "--print-ir-after",
    "after",
    multiple=True,
    metavar="PASS",
    help="Print the IR after a pass, or after all.",
)
@click.option("--check", is_flag=True, help="Compare results before and after every pass.")
@click.option(
    "--explain", is_flag=True, help="Say which variant of each kernel was taken, and why."
)
@click.option(
    "--tuned", is_flag=False, flag_value="", metavar="[FILE]",
    help="Choose kernels by the times that tflgpuc tune measured, by default in the user's cache.",
)  # fmt: skip
@click.option(
    "--tuned-on", metavar="TEXT", help="Take the times of the driver whose name contains this."
)
@click.option("--time-passes", is_flag=True, help="Print what each stage took, on stderr.")
@click.option(
    "--debug-shaders", is_flag=True, help="Say in shaders which line of a kernel made what."
)
@click.option(
    "--list-targets",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_targets,
    help="List target profiles.",
)
@click.option(
    "--list-passes",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_passes,
    help="List passes and groups.",
)
@json_option
@debug_option
def compile_model(
    model: Path,
    output: Path,
    target: str,
    precision: str,
    precision_bound: float | None,
    calibrate: Path | None,
    shapes: dict[str, tuple[int, ...]],
    input_formats: dict[str, str],
    output_formats: dict[str, str],
    passes: str | None,
    emit: str,
    host: str,
    no_cpu: bool,
    custom_ops: bool,
    name: str | None,
    before: tuple[str, ...],
    after: tuple[str, ...],
    check: bool,
    explain: bool,
    tuned: str | None,
    tuned_on: str | None,
    time_passes: bool,
    debug_shaders: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Compile MODEL to a bundle of shaders, weights and a manifest."""
    from tflgpuc.driver import compile
    from tflgpuc.explanation import Explanation
    from tflgpuc.passes.pipeline import as_passes

    if tuned_on is not None and tuned is None:
        raise click.UsageError("--tuned-on goes with --tuned")
    explanation = Explanation() if explain else None
    _check_printed([p.name for p in as_passes(passes, precision)], (*before, *after))
    stages = Stages()
    with progress() as report:

        def started(stage: str, done: int, total: int) -> None:
            stages.start(stage)
            report(stage, done, total)

        bundle = compile(
            model,
            target=target,
            precision=precision,
            precision_bound=precision_bound,
            calibration=() if calibrate is None else calibrate,
            passes=passes,
            input_shapes=shapes,
            input_formats=input_formats,
            output_formats=output_formats,
            emit=[language.strip() for language in emit.split(",")],
            hosts=[language.strip() for language in host.split(",") if language.strip()],
            name=name,
            cpu=not no_cpu,
            custom_ops=custom_ops,
            check=check,
            print_before=before,
            print_after=after,
            locations=debug_shaders,
            progress=started,
            tuning=None if tuned is None else _tuning(tuned, target, tuned_on),
            explanation=explanation,
        )
        started("write", 1, 1)
        bundle.save(output)
    stages.stop()
    if time_passes:
        stages.print()
    _summarize(bundle.manifest, output, as_json, explanation)


# How many reasons a person reads; --json has all.
SHOWN = 12


def _tuning(cache: str, target: str, driver: str | None) -> Tuning:
    from tflgpuc.targets import load_target
    from tflgpuc.tuning_cache import default_cache, load_tuning

    return load_tuning(cache or default_cache(), load_target(target), driver)


def _summarize(
    made: dict[str, Any], output: Path, as_json: bool, explanation: Explanation | None
) -> None:
    dispatches = [step for step in made["steps"] if step["type"] == "dispatch"]
    segments = [step for step in made["steps"] if step["type"] == "segment"]
    summary = {
        "bundle": str(output),
        "dispatches": len(dispatches),
        "copies": sum(step["op"] == "gpu.copy" for step in dispatches),
        "segments": len(segments),
        "cpu_operators": sum(len(step["sources"]) for step in segments),
        "programs": len(made["programs"]),
        "barriers": sum(step["barrier"] for step in dispatches),
        "macs": sum(step["macs"] for step in made["steps"]),
        "reasons": [reason for step in segments for reason in step["reasons"]],
        **made["memory"],
    }
    if as_json:
        if explanation is not None:
            summary |= {
                "kernels": explanation.kernels(),
                "refusals": explanation.refusals(),
                "precision": explanation.precision(),
            }
        print_json(summary)
        return
    click.echo(
        f"{output}: {summary['dispatches']} dispatches ({summary['copies']} copies) of "
        f"{summary['programs']} programs, {summary['barriers']} barriers, "
        f"{summary['macs'] / 1e6:.1f} million MACs\n"
        f"weights {summary['weights_bytes']:,} bytes, arena {summary['arena_bytes']:,} bytes "
        f"(lower bound {summary['lower_bound_bytes']:,})"
    )
    if segments:
        reasons = summary["reasons"]
        more = f"\n  and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
        click.echo(
            f"{summary['cpu_operators']} operators run on the CPU, in {len(segments)} segments, "
            f"because of\n  " + "\n  ".join(reasons[:SHOWN]) + more
        )
    if explanation is not None:
        _print_explanation(explanation)


def _print_explanation(explanation: Explanation) -> None:
    """A table a kernel, then what wasn't done and why."""
    for kernel in explanation.kernels():
        rows = [tuple(map(_rounded, c.values())) for c in kernel["candidates"]]
        columns = [name.replace("_", " ") for c in kernel["candidates"][:1] for name in c]
        title = f"\n{kernel['kernel']}: {_few(kernel['sources'])}\n  {kernel['reason']}"
        print_table(title, columns, rows)
    decisions = explanation.precision()
    if decisions:
        halves = sum(d["storage"] == "f16" for d in decisions)
        told = [
            (d["op"], "{:.4g} .. {:.4g}".format(*d["proved"]), d["seen"], d["storage"], d["why"])
            for d in decisions
        ]
        title = f"\nprecision: {halves} of {len(decisions)} tensors as f16"
        print_table(title, ("op", "proved", "seen", "storage", "why"), told)
    for refusal in explanation.refusals():
        click.echo(f"\nDidn't {refusal['would']}, {refusal['reason']}: {_few(refusal['ops'])}")


def _few(ops: list[str]) -> str:
    more = f" and {len(ops) - SHOWN} more" if len(ops) > SHOWN else ""
    return "; ".join(ops[:SHOWN]) + more


def _rounded(value: object) -> object:
    return round(value) if isinstance(value, float) and value >= 100 else value
