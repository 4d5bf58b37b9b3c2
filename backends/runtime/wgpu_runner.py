"""Runs a bundle on WebGPU."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tflgpuc.backends.files import BundleFiles
from tflgpuc.backends.manifest import Json
from tflgpuc.backends.runtime.base import StepRunner
from tflgpuc.backends.runtime.wgpu import WgpuDevice


class WgpuRunner(StepRunner):
    """Owns a device, one buffer for each buffer of the manifest, and a bind group for each step."""

    def __init__(self, bundle: BundleFiles) -> None:
        super().__init__(bundle)
        paths = {name: bundle.file_of(p, "wgsl") for name, p in self.programs.items()}
        self.device = WgpuDevice()
        try:
            self.compiled = {
                name: self.device.compile(name, bundle.text(path)) for name, path in paths.items()
            }
            self.buffers = {
                b["name"]: self.device.buffer(
                    b["bytes"], np.asarray(bundle.weights) if b["name"] == "weights" else None
                )
                for b in self.manifest["buffers"]
            }
            self.groups = {
                id(step): self._bind(step)
                for step in self.manifest["steps"]
                if step["type"] == "dispatch"
            }
        except BaseException:
            self.device.close()
            raise

    def _bind(self, step: Json) -> Any:
        bindings = [(self.buffers[b["buffer"]], b["offset"], b["bytes"]) for b in step["bindings"]]
        return self.device.bind(self.compiled[step["program"]], bindings)

    def close(self) -> None:
        self.device.close()

    def write(self, buffer: str, offset: int, data: NDArray[np.uint8]) -> None:
        self.device.write(self.buffers[buffer], offset, data)

    def read(self, buffer: str, offset: int, size: int) -> NDArray[np.uint8]:
        return self.device.read(self.buffers[buffer], offset, size)

    def dispatch(self, step: Json) -> None:
        self.device.dispatch(*self._launch(step))

    def timed(self, step: Json) -> float:
        if not self.device.has_timestamps:
            return super().timed(step)
        return self.device.timed(*self._launch(step)) / 1e9

    def finish(self) -> None:
        self.device.finish()

    def _launch(self, step: Json) -> tuple[Any, Any, tuple[int, int, int]]:
        x, y, z = step["groups"]
        return self.compiled[step["program"]], self.groups[id(step)], (x, y, z)
