"""Compiles generated Java hosts, and runs them on a desktop over stubs of android.opengl."""

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

from support import host_models
from support.cpp_driver import COMPILERS
from tflgpuc.backends.bundle import Bundle
from tflgpuc.backends.hosts import HOSTS
from tflgpuc.ir.graph.types import NUMPY

Array = NDArray[Any]

HERE = Path(__file__).parent / "android"
# Android's compilers take Java 8; what newer ones say about its age is no fault of the code.
FLAGS = ("--release", "8", "-Xlint:all", "-Xlint:-options", "-Werror", "-proc:none")


def jni_headers() -> Path | None:
    """The folder of jni.h, or None."""
    javac = shutil.which("javac")
    home = Path(javac).resolve().parents[1] if javac else None
    return home / "include" if home and (home / "include" / "jni.h").is_file() else None


def why_not(running: bool) -> str | None:
    """Why Java can't be compiled, or run, here; None where it can."""
    if shutil.which("javac") is None:
        return "no javac"
    if running and (shutil.which("java") is None or jni_headers() is None or not COMPILERS):
        return "no Java with jni.h and a C++ compiler"
    return None


def android_jars() -> list[Path]:
    """Jars of the real Android API: ANDROID_JAR, and those of the SDK at ANDROID_HOME."""
    found = [Path(p) for p in (os.environ.get("ANDROID_JAR"),) if p]
    home = os.environ.get("ANDROID_HOME") or os.environ.get("ANDROID_SDK_ROOT")
    found += sorted(Path(home).glob("platforms/*/android.jar")) if home else []
    return [p for p in found if p.is_file()]


def stubs(name: str = "opengl") -> list[Path]:
    """The sources of the stubs in a folder."""
    return sorted((HERE / f"{name}_stubs").rglob("*.java"))


def compile_java(
    sources: Sequence[Path], out: Path, classes: Sequence[Path] = (), flags: Sequence[str] = FLAGS
) -> None:
    """Runs javac; asserts that it has nothing to say."""
    out.mkdir(parents=True, exist_ok=True)
    path = ["-cp", os.pathsep.join(map(str, classes))] if classes else []
    command = ["javac", *flags, *path, "-d", str(out), *map(str, sources)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, ""), result.stderr[:4000]


@dataclass(frozen=True)
class Desktop:
    """Compiled stubs and the driver, and the library behind them."""

    classes: Path
    library: Path

    def run(
        self,
        classes: Path,
        bundle: Bundle,
        inputs: Mapping[str, Array],
        work: Path,
        runs: int = 1,
        properties: Sequence[str] = (),
    ) -> tuple[dict[str, Array], list[str]]:
        """The bundle that lies in ``work / "bundle"`` run: outputs, and the lines that it printed.

        Raises CalledProcessError with what the host throws.
        """
        manifest, arguments = bundle.manifest, []
        for i, port in enumerate(manifest["inputs"]):
            arguments.append(work / f"in{i}")
            array = np.ascontiguousarray(inputs[port["name"]], NUMPY[port["dtype"]])
            arguments[-1].write_bytes(array.tobytes())
        outputs = [work / f"out{i}" for i, _ in enumerate(manifest["outputs"])]
        (package,) = {p["path"].split("/")[2] for p in manifest["files"] if "/java/" in p["path"]}
        command = ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Xcheck:jni"]
        command += [f"-Dandroid.gl={self.library}", "-cp", f"{self.classes}{os.pathsep}{classes}"]
        command += [f"-D{p}" for p in properties]
        command += ["Driver", str(work / "bundle"), package, str(runs)]
        command += [str(a) for a in (*arguments, "--", *outputs)]
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if result.returncode:
            raise subprocess.CalledProcessError(
                result.returncode, command, result.stdout, result.stderr[-4000:]
            )
        made = {}
        for port, path in zip(manifest["outputs"], outputs, strict=True):
            # What has no size before a run comes as bytes.
            open = -1 in port["shape"]
            data = np.frombuffer(path.read_bytes(), np.uint8 if open else NUMPY[port["dtype"]])
            made[port["name"]] = data if open else data.reshape(port["shape"])
        return made, result.stdout.splitlines()


def desktop(folder: Path) -> Desktop:
    """Builds stubs, driver and library in ``folder``; the library is a C++ host's context."""
    bundle = host_models.bundle_of(host_models.conv())
    text = HOSTS["cpp"](bundle.manifest, bundle)["small.hpp"]
    (folder / "small.hpp").write_text(text)
    template = (HERE / "gl.cpp.j2").read_text()
    (folder / "gl.cpp").write_text(jinja2.Template(template).render())
    headers = jni_headers()
    assert headers
    library = folder / "libandroid_gl.so"
    command = [COMPILERS[0], "-std=c++17", "-O1", "-fPIC", "-shared", str(folder / "gl.cpp")]
    command += [f"-I{headers}", f"-I{headers / 'linux'}", f"-I{folder}", "-ldl", "-o", str(library)]
    subprocess.run(command, check=True)
    classes = folder / "classes"
    compile_java([*stubs(), *stubs("tflite")], classes)
    compile_java([HERE / "Driver.java"], classes, [classes], ("--release", "8", "-Xlint:-options"))
    return Desktop(classes, library)
