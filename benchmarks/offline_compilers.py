"""Compiles shaders with Mesa's compilers for mobile GPUs, without the GPUs, and reads their statistics.

The compilers are GL drivers, and one compiler library, that run on kernel interfaces that do nothing.
Each process compiles one shader for one GPU.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

GLSLANG = "glslangValidator"
NO_DEVICE = "softpipe"
# GPU -> what its driver wants to know of it. Adreno and Mali by chip number.
FREEDRENO = {f"adreno-{n}": str(n) for n in (540, 610, 630, 650, 660, 740, 750)}
PANFROST = {
    "mali-g72": "6221",
    "mali-g52": "7212",
    "mali-g57": "9093",
    "mali-g610": "a867",
}
AGX = "agx-g13"
# The GPUs of a target, one of each kind that compiles differently (619 is as 630, 730 as 740). The
# generic one stands for what phones of the last ten years have: not for Midgard, which has half the
# registers.
FAMILIES: dict[str, tuple[str, ...]] = {
    "adreno-6xx": ("adreno-610", "adreno-630", "adreno-650", "adreno-660"),
    "adreno-7xx": ("adreno-740", "adreno-750"),
    "mali-bifrost": ("mali-g72", "mali-g52"),
    "mali-valhall": ("mali-g57", "mali-g610"),
    "apple-a14": (AGX,),
    "generic-gles31": (
        "adreno-540",
        "adreno-630",
        "adreno-650",
        "adreno-740",
        "mali-g52",
        "mali-g57",
        AGX,
    ),
}
# The vec4 registers of Adrenos' processors for each lane of two waves of 64.
FILES = {"adreno-63": 96, "adreno-65": 64, "adreno-66": 64, "adreno-7": 96}
# The most waves (Adreno, of a core), threads (Mali, as the driver counts them) or
# invocations (Apple, of a core) that are in flight at once; of the G72 nothing is said.
MOST = {"adreno": 16, "mali-g72": 1, "mali-g": 2, "agx": 1024}


@dataclass(frozen=True)
class Figures:
    """What one GPU's compiler says of one shader.

    ``registers`` is in vec4s of 32 bits, 0 where the compiler doesn't say; ``waves`` as in ``MOST``;
    ``spills`` counts stores to and loads from scratch memory. ``error`` is what went wrong, if anything.
    """

    gpu: str
    registers: float = 0.0
    waves: int = 0
    spills: int = 0
    instructions: int = 0
    error: str = ""

    @property
    def occupancy(self) -> float:
        """The share of the most waves; Adreno's waves of 128, in large work groups, count twice."""
        file = next((n for start, n in FILES.items() if self.gpu.startswith(start)), 0)
        fitting = min(most(self.gpu), 2 * int(file // max(1.0, self.registers)))
        wide = 2 * self.waves <= fitting
        return (2 if wide else 1) * self.waves / most(self.gpu)


def most(gpu: str) -> int:
    """The most waves in flight, in the GPU's own unit."""
    return next(n for start, n in MOST.items() if gpu.startswith(start))


class OfflineCompilers:
    """The compilers in ``folder``, with a cache of their answers in ``cache``."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.bin, self.lib = folder / "bin", folder / "prefix" / "lib"
        missing = [p for p in (self.bin / "glc", self.bin / "agxc", self.lib) if not p.exists()]
        if missing:
            raise FileNotFoundError(f"no offline compilers in {folder}: no {missing[0]}")
        stamp = (self.bin / "agxc").stat().st_size
        self.cache = cache / f"offline-gpu-{stamp}"
        self.cache.mkdir(parents=True, exist_ok=True)

    def figures(
        self, shaders: Iterable[str], gpus: Iterable[str], jobs: int = 2
    ) -> dict[str, dict[str, Figures]]:
        """Figures by GPU of each shader, compiled with ``jobs`` processes at a time."""
        texts, names = list(dict.fromkeys(shaders)), tuple(gpus)
        with ThreadPoolExecutor(jobs) as pool:
            made = pool.map(lambda text: self.compiled(text, names), texts)
            return dict(zip(texts, made, strict=True))

    def compiled(self, shader: str, gpus: tuple[str, ...]) -> dict[str, Figures]:
        """The figures of one shader, from the cache where they are."""
        file = self.cache / f"{digest(shader)}.json"
        known = json.loads(file.read_text()) if file.is_file() else {}
        found = {gpu: Figures(**row) for gpu, row in known.items()}
        missing = [gpu for gpu in gpus if gpu not in found]
        if missing:
            with tempfile.TemporaryDirectory() as folder:
                source = Path(folder) / "shader.comp"
                source.write_text(shader)
                found |= {gpu: self._one(source, gpu) for gpu in missing}
            partial = file.with_suffix(f".{os.getpid()}")
            partial.write_text(json.dumps({gpu: asdict(f) for gpu, f in found.items()}))
            partial.rename(file)
        return {gpu: found[gpu] for gpu in gpus}

    def _one(self, source: Path, gpu: str) -> Figures:
        if gpu == AGX:
            binary = source.with_suffix(".spv")
            made = self._run(
                [
                    GLSLANG,
                    "-V",
                    "--target-env",
                    "vulkan1.1",
                    "-S",
                    "comp",
                    "-o",
                    str(binary),
                    str(source),
                ]
            )
            if not binary.is_file():
                return Figures(gpu, error=made[-300:])
            return read(gpu, self._run([str(self.bin / "agxc"), str(binary)]))
        return read(gpu, self._run([str(self.bin / "glc"), str(source)], self._device(gpu)))

    def _device(self, gpu: str) -> dict[str, str]:
        """The environment that makes a driver see a GPU."""
        if gpu in FREEDRENO:
            return {
                "LD_PRELOAD": str(self.lib / "libfreedreno_noop_drm_shim.so"),
                "FD_GPU_ID": FREEDRENO[gpu],
                "FD_MESA_DEBUG": "shaderdb",
            }
        return {
            "LD_PRELOAD": str(self.lib / "libpanfrost_noop_drm_shim.so"),
            "PAN_GPU_ID": PANFROST[gpu],
        }

    def _run(self, command: list[str], device: Mapping[str, str] | None = None) -> str:
        """What a process printed; its exit status says nothing that the text doesn't."""
        own = command[0] != GLSLANG
        mesa = {
            "LD_LIBRARY_PATH": str(self.lib),
            "GBM_BACKENDS_PATH": str(self.lib / "gbm"),
            "MESA_SHADER_CACHE_DISABLE": "1",
            "GALLIUM_THREAD": "0",
            "XDG_RUNTIME_DIR": tempfile.gettempdir(),
        }
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("FD_", "PAN_"))}
        env = {**inherited, **(mesa if own else {}), **(device or {})}
        try:
            done = subprocess.run(
                command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300
            )
        except subprocess.TimeoutExpired:
            return "no answer within 300 seconds"
        return done.stdout.decode(errors="replace")


def digest(shader: str) -> str:
    """A name for a shader's code: comments say which model it is of, and don't count."""
    code = "\n".join(line for line in shader.splitlines() if not line.lstrip().startswith("//"))
    return hashlib.sha256(code.encode()).hexdigest()


def read(gpu: str, output: str) -> Figures:
    """Figures from what a compiler printed."""
    lines = [
        line.removeprefix("MSG ")
        for line in output.splitlines()
        if line.startswith(("MSG ", "SHADER-DB-")) and " inst" in line
    ]
    if NO_DEVICE in output or not lines:
        return Figures(gpu, error=output.strip()[-300:] or "the compiler printed nothing")
    line = lines[-1]

    def number(unit: str) -> int:
        found = re.search(rf"(\d+) {unit}\b", line)
        return int(found[1]) if found else 0

    spilled = re.search(r"(\d+):(\d+) spills:fills", line)
    spills = int(spilled[1]) + int(spilled[2]) if spilled else 0
    waves, registers = number("threads"), 0.0
    if gpu in FREEDRENO:
        waves, spills = number("waves"), number("stp") + number("ldp")
        # Halves share the file of the full registers on newer chips; the older count them apart.
        registers = number("full") + number("half") / 2
    elif gpu == AGX:
        registers, spills = number("regs") / 8, spills + number("scratch")
    return Figures(gpu, registers, waves, spills, number("inst"))
