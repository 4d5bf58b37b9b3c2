"""What the driver takes to compile a bundle's programs, with an empty cache and with a filled one.

    python -m benchmarks.shader_compile [--models DIR] [--library system] [--json FILE]

The caches are Mesa's, in a folder made for this; other drivers may have none, or one of their own.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import click

from benchmarks.common import Row, benchmark, child, chosen, report
from benchmarks.offline_gpu import vision_models
from tflgpuc.backends.bundle import load
from tflgpuc.backends.runtime.gles import GlesDevice
from tflgpuc.driver import compile


def measure(bundle: str, library: str) -> dict[str, Any]:
    """Seconds to compile each program of a bundle, with nothing else in between."""
    opened = load(bundle)
    texts = {p["name"]: opened.text(opened.file_of(p, "glsl")) for p in opened.manifest["programs"]}
    device = GlesDevice(library)
    try:
        wall, cpu = time.perf_counter(), time.process_time()
        for name, text in texts.items():
            device.compile(name, text)
        return {
            "wall": time.perf_counter() - wall,
            "cpu": time.process_time() - cpu,
            "programs": len(texts),
        }
    finally:
        device.close()


@benchmark
@click.option("--target", default="llvmpipe", show_default=True)
@click.option("--library", default="system", show_default=True, help="The OpenGL ES library.")
def main(
    models: Path | None, names: tuple[str, ...], file: Path | None, target: str, library: str
) -> None:
    """Compiles programs twice: the second process finds the first one's cache."""
    rows: list[Row] = []
    for model in chosen(models, names, vision_models):
        with tempfile.TemporaryDirectory() as work:
            bundle = compile(model, target=target, emit=("glsl",)).save(Path(work) / "bundle")
            environment = {"MESA_SHADER_CACHE_DIR": f"{work}/cache"}
            job = {"bundle": str(bundle), "library": library}
            cold, warm = (child("benchmarks.shader_compile", job, environment) for _ in range(2))
        rows.append({
            "model": model.stem,
            "programs": cold.get("programs"),
            "cold s": cold.get("wall"),
            "cold CPU s": cold.get("cpu"),
            "warm s": warm.get("wall"),
            "warm CPU s": warm.get("cpu"),
            "note": cold.get("error", "") or warm.get("error", ""),
        })  # fmt: skip
    report(f"shader compile time on {library}, target {target}", rows, file)


if __name__ == "__main__":
    main()
