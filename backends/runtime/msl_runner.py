"""Runs a bundle's Metal file on the CPU, compiled by clang."""

from __future__ import annotations

from tflgpuc.backends.files import BundleFiles
from tflgpuc.backends.manifest import Json
from tflgpuc.backends.runtime.base import HostRunner
from tflgpuc.backends.runtime.msl import MslLibrary


class MslRunner(HostRunner):
    """Executes the functions of the ``.metal`` file through a host shim of metal_stdlib."""

    def __init__(self, bundle: BundleFiles, threads: int = 1) -> None:
        super().__init__(bundle)
        paths = sorted({bundle.file_of(p, "msl") for p in self.programs.values()})
        self.libraries = {path: MslLibrary(bundle.text(path), name=path) for path in paths}
        self.threads = threads

    def dispatch(self, step: Json) -> None:
        program = self.programs[step["program"]]
        entry = program["entry"]["msl"]
        buffers = {
            i: (self.buffers[b["buffer"]], b["offset"]) for i, b in enumerate(step["bindings"])
        }
        groups, size = step["groups"], program["work_group"]
        self.libraries[entry["file"]].dispatch(
            entry["function"],
            buffers,
            (groups[0], groups[1], groups[2]),
            (size[0], size[1], size[2]),
            threads=self.threads,
        )
