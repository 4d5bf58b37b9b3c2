"""What C++ hosts of real models cost, with several compilers and on several drivers.

    python -m benchmarks.cpp_host MODELS [--library NAME,...] [--compiler NAME,...] [--json FILE]

For each model, driver and compiler: the largest difference from the Python runner on the same driver,
the time to create the model without and with its programs in the cache, the time of a run, and the
size of an object with all of the host (-Os). A run under the address and undefined behaviour
sanitizers comes first. The exit status is 1 where anything fails.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from tflgpuc.backends.bundle import Bundle
from tflgpuc.backends.runtime.gles_library import choose_library
from tflgpuc.driver import compile

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from support.cpp_driver import COMPILERS, SANITIZERS, Program, Ran, build, object_size
from support.host_models import inputs_of

Array = NDArray[Any]

MODELS = (
    "mobilenet_v1_1.0_224_float",
    "deeplabv3_257_mv_gpu",
    "selfie_segmentation_fp16",
    "ssd_mobilenet_v1_coco_300_float_raw",
)
LIBRARIES = ("system", "angle-swiftshader")
COLUMNS = ("model", "driver", "compiler", "object", "max diff", "sanitizers", "programs")
COLUMNS += ("parallel", "create", "cached", "run")
LARGEST_OBJECT = 30 * 1024
OPTIMISED = ("-Os",)
# ASan's leak check would report what drivers keep until their library is unloaded.
SANITIZED = {"ASAN_OPTIONS": "detect_leaks=0"}


@dataclass(frozen=True)
class Row:
    """What a host costs; times in milliseconds, ``error`` what went wrong."""

    model: str
    library: str
    compiler: str
    object_bytes: int = 0
    difference: float = 0.0
    sanitized: bool = False
    programs: int = 0
    cached: int = 0
    create_ms: float = 0.0
    create_cached_ms: float = 0.0
    run_ms: float = 0.0
    parallel: bool = False
    error: str = ""


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("models", type=Path, help="the folder of .tflite files")
    parser.add_argument("--names", default=",".join(MODELS), help="stems of the files")
    parser.add_argument("--library", default=",".join(LIBRARIES))
    parser.add_argument("--compiler", default=",".join(COMPILERS))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="a file for the figures")
    options = parser.parse_args()
    rows = []
    for name in options.names.split(","):
        with tempfile.TemporaryDirectory() as work:
            rows += measure(options, name, Path(work))
    show(rows)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return int(any(row.error for row in rows))


def measure(options: argparse.Namespace, name: str, work: Path) -> list[Row]:
    """The rows of a model."""
    bundle = compile(options.models / f"{name}.tflite", hosts=("cpp",), name=name.replace(".", "_"))
    folder, inputs, rows = bundle.save(work / "bundle"), inputs_of(bundle), []
    for library in options.library.split(","):
        expected = runner_outputs(folder, library, inputs)
        for compiler in options.compiler.split(","):
            try:
                row = one(
                    bundle,
                    work / f"{library}-{compiler}",
                    compiler,
                    library,
                    inputs,
                    expected,
                    options.runs,
                )
            except (subprocess.CalledProcessError, AssertionError) as error:
                reason = getattr(error, "stderr", None) or str(error)
                row = Row(name, library, compiler, error=str(reason)[-2000:])
            rows.append(row)
            print(row, file=sys.stderr)
    return rows


def one(
    bundle: Bundle,
    work: Path,
    compiler: str,
    library: str,
    inputs: dict[str, Array],
    expected: dict[str, Array],
    runs: int,
) -> Row:
    """One host on one driver."""
    cache = work / "cache"
    cache.mkdir(parents=True)
    size = object_size(bundle, compiler, work)
    if size >= LARGEST_OBJECT:
        raise AssertionError(f"the object has {size} bytes")
    folder = work / "bundle"
    driver = environment(library)
    # Mesa gives program binaries only with its own cache on, which has to be empty at each start.
    fresh = [driver | {"MESA_SHADER_CACHE_DIR": str(work / f"mesa{i}")} for i in range(2)]
    checked = build(bundle, folder, work, compiler, SANITIZERS)
    first = start(checked, inputs, work, library, driver | SANITIZED)
    program = build(bundle, folder, work, compiler, OPTIMISED)
    cold = start(program, inputs, work, library, fresh[0], cache=str(cache), runs=runs)
    warm = start(program, inputs, work, library, fresh[1], cache=str(cache), runs=runs)
    return Row(
        bundle.manifest["model"]["name"],
        library,
        compiler,
        size,
        max(difference(ran, expected) for ran in (first, cold, warm)),
        sanitized=True,
        programs=len(bundle.manifest["programs"]),
        cached=int(warm.printed["cached"][0]),
        create_ms=float(cold.printed["create_ms"][0]),
        create_cached_ms=float(warm.printed["create_ms"][0]),
        run_ms=statistics.median(float(t) for t in warm.printed["run_ms"]),
        parallel=cold.printed["parallel"] == ["1"],
    )


def start(
    program: Program,
    inputs: dict[str, Array],
    work: Path,
    library: str,
    driver: dict[str, str],
    cache: str = "",
    runs: int = 1,
) -> Ran:
    """One process of the host on a driver."""
    folder = choose_library(library).folder
    return program.run(inputs, work, cache=cache, library=str(folder or ""), runs=runs, **driver)


def environment(library: str) -> dict[str, str]:
    """Variables that make ANGLE find its Vulkan driver."""
    icd = choose_library(library).icd
    return {"VK_DRIVER_FILES": str(icd), "VK_ICD_FILENAMES": str(icd)} if icd else {}


def runner_outputs(folder: Path, library: str, inputs: dict[str, Array]) -> dict[str, Array]:
    """What the Python runner gives, in a process of its own: a process can hold one GL library."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_run, (folder, library, inputs))


def _run(folder: Path, library: str, inputs: dict[str, Array]) -> dict[str, Array]:
    from tflgpuc.backends.bundle import load

    os.environ["TFLGPUC_GLES"] = library
    with load(folder).runner("gles") as runner:
        return {name: np.array(value) for name, value in runner.run(inputs).items()}


def difference(ran: Ran, expected: dict[str, Array]) -> float:
    """The largest absolute difference of any output."""
    gaps = [
        np.abs(ran.outputs[name].astype(np.float64) - array) for name, array in expected.items()
    ]
    return float(max(gap.max(initial=0.0) for gap in gaps))


def show(rows: Sequence[Row]) -> None:
    """Prints the table."""
    table = Table(title="C++ hosts: times in ms")
    for column in COLUMNS[:3]:
        table.add_column(column)
    for column in COLUMNS[3:]:
        table.add_column(column, justify="right")
    for r in rows:
        figures = [
            str(r.object_bytes),
            f"{r.difference:g}",
            "clean" if r.sanitized else "",
            f"{r.programs} ({r.cached} cached)",
            "yes" if r.parallel else "no",
            f"{r.create_ms:.0f}",
            f"{r.create_cached_ms:.0f}",
            f"{r.run_ms:.1f}",
        ]
        failed = ["", r.error.splitlines()[0]] if r.error else []
        table.add_row(r.model[:24], r.library, r.compiler, *(failed or figures))
    Console(width=160).print(table)


if __name__ == "__main__":
    sys.exit(main())
