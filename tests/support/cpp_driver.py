"""Builds a small program around a generated C++ host, and runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from numpy.typing import NDArray

from tflgpuc.backends.bundle import Bundle
from tflgpuc.ir.graph.types import NUMPY

Array = NDArray[Any]

COMPILERS = [c for c in ("g++", "clang++", "clang++-19") if shutil.which(c)]
WARNINGS = ("-std=c++17", "-Wall", "-Wextra", "-Werror")
SANITIZERS = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
FAKE_TFLITE = Path(__file__).with_name("fake_tflite")
_TYPES = {"f32": "float", "bool": "std::uint8_t", "f16": "std::uint16_t"}


def cpp_files(bundle: Bundle) -> tuple[str, dict[str, str]]:
    """The namespace, and the C++ files of a bundle by name."""
    names = [f["path"] for f in bundle.manifest["files"] if f["path"].startswith("host/cpp/")]
    made = {Path(name).name: bundle.text(name) for name in names}
    header = next(name for name in made if f"{Path(name).stem}_embedded.cpp" in made)
    return Path(header).stem, made


def driver_text(bundle: Bundle, **options: bool) -> str:
    """The program's text; ``options`` are those of the template."""
    text = Path(__file__).with_name("cpp_driver.cpp.j2").read_text()
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    space, files = cpp_files(bundle)
    fields = _fields(files[f"{space}.hpp"])
    manifest = bundle.manifest
    return environment.from_string(text).render(
        space=space,
        inputs=_ports("in", manifest["inputs"], fields["Inputs"]),
        outputs=_ports("out", manifest["outputs"], fields["Outputs"]),
        reset=bool(manifest["states"]),
        segments=any(s["type"] == "segment" for s in manifest["steps"]),
        **{"embedded": False, "gpu": False} | options,
    )


def _fields(header: str) -> dict[str, list[str]]:
    """The members of the structs Inputs and Outputs."""
    found = {}
    for name in ("Inputs", "Outputs"):
        body = header.split(f"struct {name} {{\n")[1].split("};")[0]
        found[name] = [
            line.split(";")[0].removesuffix(" = nullptr").split()[-1] for line in body.splitlines()
        ]
    return found


def _ports(array: str, ports: list[dict[str, Any]], fields: list[str]) -> list[dict[str, Any]]:
    made = []
    for i, (port, field) in enumerate(zip(ports, fields, strict=True)):
        dtype = port["dtype"]
        whole = {"i": "std::int", "u": "std::uint"}.get(dtype[0])
        made.append(
            {
                "array": f"{array}{i}",
                "type": _TYPES.get(dtype) or f"{whole}{dtype[1:]}_t",
                "field": field,
                "count": int(np.prod(port["shape"])),
                "gpu": port["buffer"] is not None,
                "open": port["buffer"] is None and (-1 in port["shape"] or not port["shape"]),
            }
        )
    return made


@dataclass(frozen=True)
class Ran:
    """What a run gave: outputs by name, and what it printed by the first word of a line."""

    outputs: dict[str, Array]
    printed: dict[str, list[str]]


@dataclass(frozen=True)
class Program:
    """A compiled driver of a bundle in ``folder``."""

    bundle: Bundle
    folder: Path
    executable: Path

    def run(
        self,
        inputs: Mapping[str, Array],
        folder: Path,
        *,
        cache: str = "",
        library: str = "",
        runs: int = 1,
        **environment: str,
    ) -> Ran:
        """Runs it in ``folder``; raises CalledProcessError where the host throws."""
        manifest, arguments = self.bundle.manifest, []
        for i, port in enumerate(manifest["inputs"]):
            arguments.append(str(folder / f"in{i}"))
            Path(arguments[-1]).write_bytes(
                np.ascontiguousarray(inputs[port["name"]], NUMPY[port["dtype"]]).tobytes()
            )
        outputs = [str(folder / f"out{i}") for i, _ in enumerate(manifest["outputs"])]
        command = [str(self.executable), str(self.folder), library, cache, str(runs)]
        result = subprocess.run(
            [*command, *arguments, "--", *outputs],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            env=os.environ | environment,
        )
        if result.returncode:
            raise subprocess.CalledProcessError(
                result.returncode, command, result.stdout, result.stderr[-4000:]
            )
        printed: dict[str, list[str]] = {}
        for line in result.stdout.splitlines():
            word, _, rest = line.partition(" ")
            printed.setdefault(word, []).append(rest)
        made = {}
        for port, path in zip(manifest["outputs"], outputs, strict=True):
            data = np.frombuffer(Path(path).read_bytes(), NUMPY[port["dtype"]])
            fits = data.size == np.prod(port["shape"])
            made[port["name"]] = data.reshape(port["shape"]) if fits else data
        return Ran(made, printed)


def build(
    bundle: Bundle,
    folder: Path,
    work: Path,
    compiler: str,
    flags: Sequence[str] = (),
    **options: bool,
) -> Program:
    """Compiles the driver of the bundle that was saved in ``folder``; asserts that nothing warns."""
    space, _ = cpp_files(bundle)
    source = work / "driver.cpp"
    source.write_text(driver_text(bundle, **options))
    sources = [str(source)]
    if options.get("embedded"):
        sources.append(str(folder / "host" / "cpp" / f"{space}_embedded.cpp"))
        flags = [*flags, f'-D{space.upper()}_BUNDLE="{folder}"']
    executable = work / "driver"
    compile_cpp(
        compiler, [f"-I{folder / 'host' / 'cpp'}", *sources, *flags, "-ldl", "-o", str(executable)]
    )
    return Program(bundle, folder, executable)


def object_size(bundle: Bundle, compiler: str, work: Path) -> int:
    """Bytes of code and data of an object that uses all of the host."""
    space, _ = cpp_files(bundle)
    folder = bundle.save(work / "bundle")
    source = work / "use.cpp"
    source.write_text(
        f'#include "{space}.hpp"\n'
        f"using namespace {space};\n"
        "void use(const char* f, const Inputs& a, const Outputs& b, const GpuInputs& c,\n"
        "         const GpuOutputs& d) {\n"
        "  HeadlessContext context;\n"
        "  Model model(context.gl(), directory(f), {f});\n"
        "  model.run(a, b);\n  model.run_on_gpu(c, d);\n  model.reset();\n"
        "  model.gpu_inputs();\n  model.gpu_outputs();\n}\n"
    )
    made = work / "use.o"
    compile_cpp(
        compiler, ["-Os", f"-I{folder / 'host' / 'cpp'}", "-c", str(source), "-o", str(made)]
    )
    sizes = subprocess.run(["size", made], capture_output=True, text=True, check=True).stdout
    return int(sizes.splitlines()[1].split()[3])


def compile_cpp(compiler: str, arguments: Sequence[str]) -> None:
    """Runs a compiler with all warnings; asserts that it has nothing to say."""
    result = subprocess.run(
        [compiler, *WARNINGS, *arguments], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, ""), result.stderr[:4000]
