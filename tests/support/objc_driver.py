"""Compiles generated Objective-C++ hosts, and runs them on GNUstep over a stand-in for Metal."""

from __future__ import annotations

import functools
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

from support.cpp_driver import FAKE_TFLITE
from tflgpuc.backends.bundle import Bundle
from tflgpuc.backends.runtime.msl import MslLibrary, find_clang
from tflgpuc.ir.errors import DeviceError
from tflgpuc.ir.graph.types import NUMPY

Array = NDArray[Any]

HERE = Path(__file__).parent / "metal"
WARNINGS = ("-std=c++17", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter")
# Apple's runtime with reference counting, which nothing here can execute.
ARC = ("-fobjc-arc", "-fobjc-runtime=macosx-10.15", "-fsyntax-only", f"-I{HERE / 'apple'}")
GNUSTEP = ("-fobjc-runtime=gcc", "-fconstant-string-class=NSConstantString", "-fexceptions")
GNUSTEP += ("-fobjc-exceptions", "-DGNUSTEP", "-D_NATIVE_OBJC_EXCEPTIONS", "-pthread")
GNUSTEP += ("-DGNUSTEP_BASE_LIBRARY=1", "-DGNU_RUNTIME=1", "-Wno-objc-missing-super-calls")
PORTS = ("inputs", "outputs")
LIBRARIES = ("-lgnustep-base", "-lobjc", "-ldl")


def why_not_compile() -> str | None:
    """Why Objective-C can't be compiled here; None where it can."""
    try:
        find_clang()
    except DeviceError as error:
        return str(error)
    return None


@functools.cache
def why_not() -> str | None:
    """Why Objective-C can't be compiled and run here; None where it can."""
    reason = why_not_compile()
    if reason:
        return reason
    compiler = find_clang()
    program = b"#import <Foundation/Foundation.h>\nint main() { return [NSString string] == nil; }"
    command = [compiler, "-x", "objective-c++", "-", *GNUSTEP, *includes(), *LIBRARIES]
    command += ["-o", "/dev/null"]
    made = subprocess.run(command, input=program, capture_output=True, check=False)
    return "no GNUstep (Debian: libgnustep-base-dev)" if made.returncode else None


@functools.cache
def includes() -> tuple[str, ...]:
    """Where the headers of GNUstep, and of GCC's Objective-C runtime, lie."""
    made = ("-isystem", "/usr/include/GNUstep")
    gcc = shutil.which("gcc")
    if gcc is None:
        return made
    command = [gcc, "-print-file-name=include"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    # Last, since the rest of that folder is GCC's own.
    return (*made, "-idirafter", found)


def compile_objc(arguments: Sequence[str]) -> None:
    """Runs clang with all warnings; asserts that it has nothing to say."""
    command = [find_clang(), *WARNINGS, f"-I{HERE}", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, ""), result.stderr[:4000]


def host_of(bundle: Bundle) -> str:
    """What the names of the host's classes begin with."""
    (name,) = (
        f["path"]
        for f in bundle.manifest["files"]
        if f["path"].startswith("host/objc/") and f["path"].endswith("Model.h")
    )
    return Path(name).stem.removesuffix("Model")


def fields(header: str, title: str, struct: str) -> list[str]:
    """The members of a struct of the header."""
    body = header.split(f"}} {title}{struct};")[0].split("typedef struct {\n")[-1]
    return [line.split(";")[0].split()[-1].lstrip("*") for line in body.splitlines()]


def _ports(ports: list[dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "field": field,
            "bytes": int(np.prod(p["shape"])) * np.dtype(NUMPY[p["dtype"]]).itemsize,
            "gpu": p["buffer"] is not None,
            "open": p["buffer"] is None and (-1 in p["shape"] or not p["shape"]),
        }
        for p, field in zip(ports, names, strict=True)
    ]


@dataclass(frozen=True)
class Program:
    """A compiled driver of a bundle in ``folder``, and the kernels it runs."""

    bundle: Bundle
    folder: Path
    executable: Path
    kernels: Path

    def run(
        self, inputs: Mapping[str, Array], work: Path, runs: int = 1, **environment: str
    ) -> tuple[dict[str, Array], list[str]]:
        """Outputs, and the lines that it printed; raises CalledProcessError where the host fails."""
        manifest, arguments = self.bundle.manifest, []
        for i, port in enumerate(manifest["inputs"]):
            arguments.append(work / f"in{i}")
            array = np.ascontiguousarray(inputs[port["name"]], NUMPY[port["dtype"]])
            arguments[-1].write_bytes(array.tobytes())
        outputs = [work / f"out{i}" for i, _ in enumerate(manifest["outputs"])]
        command = [str(a) for a in (self.executable, self.folder, runs, *arguments, "--", *outputs)]
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
            env=os.environ | {"METAL_KERNELS": str(self.kernels)} | environment,
        )
        made = {}
        for port, path in zip(manifest["outputs"], outputs, strict=True):
            data = np.frombuffer(path.read_bytes(), NUMPY[port["dtype"]])
            fits = data.size == np.prod(port["shape"])
            made[port["name"]] = data.reshape(port["shape"]) if fits else data
        return made, result.stdout.splitlines()


def build(bundle: Bundle, work: Path) -> Program:
    """Saves the bundle in ``work / "bundle"``, and compiles its host with the driver and the stand-in."""
    folder, title = bundle.save(work / "bundle"), host_of(bundle)
    host = folder / "host" / "objc"
    header = (host / f"{title}Model.h").read_text()
    manifest = bundle.manifest
    template = (HERE / "driver.mm.j2").read_text()
    ports = {key: _ports(manifest[key], fields(header, title, key.capitalize())) for key in PORTS}
    segments = any(s["type"] == "segment" for s in manifest["steps"])
    # Bundles with anything on the CPU's side can't be encoded into a command buffer of the app.
    values = {"title": title, "segments": segments, "encodes": "runOnGpu" not in header}
    (work / "driver.mm").write_text(jinja2.Template(template).render(**values, **ports))
    sources = [
        str(work / "driver.mm"),
        *map(str, sorted(host.glob("*.mm"))),
        str(HERE / "metal.mm"),
    ]
    executable = work / "driver"
    compile_objc(
        [
            *GNUSTEP,
            *includes(),
            f"-I{host}",
            f"-I{FAKE_TFLITE}",
            *sources,
            "-o",
            str(executable),
            "-lstdc++",
            *LIBRARIES,
        ]
    )
    return Program(bundle, folder, executable, find_kernels(bundle))


def find_kernels(bundle: Bundle) -> Path:
    """The library with the bundle's kernels that stand-ins for Metal run."""
    (source,) = {p["entry"]["msl"]["file"] for p in bundle.manifest["programs"]}
    library = MslLibrary(bundle.text(source), name=source)
    return Path(library._library._name)
