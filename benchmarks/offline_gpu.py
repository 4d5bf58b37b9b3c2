"""Compiles all programs of models for mobile GPUs, without the GPUs; prints registers, waves, spills.

    python -m benchmarks.offline_gpu --compilers DIR --models DIR [--targets NAMES] [--model NAME]

Exit status 1 where a program spills or doesn't compile.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.offline_compilers import FAMILIES, Figures, OfflineCompilers, most
from benchmarks.places import CACHE, models_folder, offline_compilers
from tflgpuc import compile
from tflgpuc.backends.glsl.reader import read
from tflgpuc.ir.shader.pressure import pressure

VISION = (
    "classification",
    "detection",
    "face",
    "hand",
    "pose",
    "segmentation",
    "style",
    "superres",
)


@dataclass(frozen=True)
class Program:
    """One shader of a bundle, with what the compilers of its target's GPUs say.

    ``kind`` is the operator, ``tile`` its pixels and slices, ``estimate`` the vec4s that we expect.
    """

    name: str
    kind: str
    tile: tuple[int, ...]
    estimate: float
    figures: tuple[Figures, ...]

    @property
    def offends(self) -> bool:
        """Whether it spills anywhere, or doesn't compile."""
        return any(f.spills or f.error for f in self.figures)


@dataclass(frozen=True)
class Result:
    """All programs of a model compiled for one target."""

    model: str
    target: str
    precision: str
    programs: tuple[Program, ...]

    def figures(self) -> Iterator[Figures]:
        """All figures of all programs."""
        return (f for p in self.programs for f in p.figures)

    def spilling(self) -> list[Program]:
        """The programs that spill, or that don't compile."""
        return [p for p in self.programs if p.offends]


def check(job: tuple[Path, str, str], compilers: Path) -> Result:
    """Compiles one model for one target and its programs for the target's GPUs."""
    model, target, precision = job
    bundle = compile(model, target=target, precision=precision, emit=("glsl",))
    steps = {s["program"]: s for s in bundle.manifest["steps"] if s["type"] == "dispatch"}
    texts = {
        program["name"]: b"".join(bundle.read(program["entry"]["glsl"]["file"])).decode()
        for program in bundle.manifest["programs"]
    }
    found = OfflineCompilers(compilers, CACHE).figures(texts.values(), FAMILIES[target], jobs=1)
    return Result(
        model.stem,
        target,
        precision,
        tuple(
            Program(
                name,
                steps[name]["op"],
                tuple(steps[name]["tile"]),
                pressure(read(text)),
                tuple(found[text].values()),
            )
            for name, text in texts.items()
        ),
    )


def vision_models(folder: Path) -> list[Path]:
    """The zoo's float vision models; every model where the folder has no zoo.json."""
    listing = folder / "zoo.json"
    if not listing.is_file():
        return sorted(folder.glob("*.tflite"))
    return [
        folder / m["file"]
        for m in json.loads(listing.read_text())
        if m["family"] in VISION and m["dtype_summary"].startswith("float")
    ]


def fewest(figures: list[Figures]) -> str:
    """The worst occupancy as ``waves/most (GPU)``, in waves of 64; a G72 says nothing."""
    told = [f for f in figures if most(f.gpu) > 1 and not f.error]
    if not told:
        return "-"
    worst = min(told, key=lambda f: f.occupancy)
    return f"{worst.occupancy * most(worst.gpu):.0f}/{most(worst.gpu)} ({worst.gpu})"


def largest(figures: list[Figures]) -> str:
    """The most registers, in vec4s; Mali's compilers don't say."""
    most_used = max((f.registers for f in figures), default=0.0)
    return f"{most_used:.0f}" if most_used else "-"


def table(results: list[Result]) -> Table:
    """One row per model, target and precision."""
    made = Table("model", "target", "precision")
    for name in ("programs", "registers", "fewest waves", "spilling"):
        made.add_column(name, justify="right")
    for r in results:
        figures = list(r.figures())
        counts = str(len(r.programs)), largest(figures), fewest(figures), str(len(r.spilling()))
        made.add_row(r.model, r.target, r.precision, *counts)
    return made


def summary(results: list[Result]) -> Table:
    """One row per target: the worst of all models."""
    made = Table("target", "GPUs")
    for name in ("models", "programs", "registers", "fewest waves", "half the waves", "spilling"):
        made.add_column(name, justify="right")
    for target in dict.fromkeys(r.target for r in results):
        own = [r for r in results if r.target == target]
        figures = [f for r in own for f in r.figures()]
        told = [f.occupancy >= 0.5 for f in figures if most(f.gpu) > 1]
        made.add_row(
            target,
            str(len(FAMILIES[target])),
            str(len({r.model for r in own})),
            str(sum(len(r.programs) for r in own)),
            largest(figures),
            fewest(figures),
            f"{np.mean(told):.0%}" if told else "-",
            str(sum(len(r.spilling()) for r in own)),
        )
    return made


def offenders(results: list[Result]) -> Iterator[str]:
    """A line for each program that spills or doesn't compile."""
    for r in results:
        for p in r.spilling():
            tile = "x".join(map(str, p.tile))
            where = [f"{f.gpu} {f.error or f.spills}" for f in p.figures if f.spills or f.error]
            yield (
                f"{r.model} {r.target} {r.precision}: {p.name} ({p.kind}, tile {tile}, "
                f"{p.estimate:.1f} vec4s expected): {', '.join(where)}"
            )


def correlations(results: list[Result]) -> Iterator[str]:
    """How well our estimate goes with each compiler's registers."""
    seen = {(p.estimate, f) for r in results for p in r.programs for f in p.figures if f.registers}
    for gpu in dict.fromkeys(g for family in FAMILIES.values() for g in family):
        pairs = np.array([(estimate, f.registers) for estimate, f in seen if f.gpu == gpu])
        if len(pairs) > 2:
            yield f"{gpu}: correlation {np.corrcoef(pairs.T)[0, 1]:.2f} over {len(pairs)} programs"


@click.command()
@click.option("--compilers", type=click.Path(path_type=Path), help="The offline compilers' folder.")
@click.option("--models", type=click.Path(path_type=Path), help="A folder of models.")
@click.option("--model", "names", multiple=True, help="Only this model's file; may be repeated.")
@click.option("--targets", default=",".join(FAMILIES), show_default=True, help="Targets.")
@click.option("--precisions", default="f32,f16", show_default=True, help="Precisions.")
@click.option("--jobs", default=2, show_default=True, help="Processes at a time.")
@click.option("--estimates", is_flag=True, help="Compare our own estimate of registers.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write everything here.")
def main(
    compilers: Path | None,
    models: Path | None,
    names: tuple[str, ...],
    targets: str,
    precisions: str,
    jobs: int,
    estimates: bool,
    file: Path | None,
) -> None:
    """Static figures of mobile GPUs; exit status 1 where a program spills."""
    compilers, models = compilers or offline_compilers(), models or models_folder()
    if compilers is None or models is None:
        raise click.UsageError("give --compilers and --models: there are none beside the checkout")
    chosen = [models / n for n in names] or vision_models(models)
    work = [(m, t, p) for m in chosen for p in precisions.split(",") for t in targets.split(",")]
    console = Console(width=140)
    with ProcessPoolExecutor(jobs) as pool:
        results = []
        for result in pool.map(partial(check, compilers=compilers), work):
            results.append(result)
            print(f"{len(results)}/{len(work)} {result.model} {result.target}", file=sys.stderr)
    console.print(table(results), summary(results))
    lines = [*offenders(results), *(correlations(results) if estimates else ())]
    console.print("\n".join(lines), highlight=False, soft_wrap=True)
    if file is not None:
        file.write_text(json.dumps([asdict(r) for r in results], indent=1))
    sys.exit(any(r.spilling() for r in results))


if __name__ == "__main__":
    main()
