"""Runs a bundle on OpenGL ES 3.1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tflgpuc.backends.files import BundleFiles
from tflgpuc.backends.manifest import Json
from tflgpuc.backends.runtime.base import StepRunner
from tflgpuc.backends.runtime.gles import GlesDevice


class GlesRunner(StepRunner):
    """Owns a GL context and one buffer object for each buffer of the manifest.

    ``library`` picks the EGL and GLES libraries as GlesDevice does.
    """

    def __init__(self, bundle: BundleFiles, library: str | None = None) -> None:
        super().__init__(bundle)
        self.device = GlesDevice(library)
        try:
            self.compiled = {
                name: self.device.compile(name, bundle.text(bundle.file_of(p, "glsl")))
                for name, p in self.programs.items()
            }
            self.buffers = {}
            for b in self.manifest["buffers"]:
                weights = b["name"] == "weights" and b["bytes"]
                data = np.asarray(bundle.weights) if weights else None
                # GL has no buffers of size zero.
                self.buffers[b["name"]] = self.device.buffer(max(b["bytes"], 16), data)
            self.textures: dict[tuple[int, int, int, str], int] = {}
            self.rows = {
                name: next(((i, b) for i, b in enumerate(p["bindings"]) if b.get("row")), None)
                for name, p in self.programs.items()
            }
            self.texture_of = {
                id(step): self._texture(step)
                for step in self.manifest["steps"]
                if step["type"] == "dispatch"
            }
        except BaseException:
            self.device.close()
            raise

    def _texture(self, step: Json) -> tuple[int, int] | None:
        """The binding of a step's weights that the shader reads from a texture, and the texture."""
        found = self.rows[step["program"]]
        if found is None:
            return None
        point, binding = found
        place = step["bindings"][point]
        key = place["offset"], place["bytes"], binding["row"], binding["storage"]
        if key not in self.textures:
            data = np.asarray(self.bundle.weights)
            part = data[place["offset"] : place["offset"] + place["bytes"]]
            self.textures[key] = self.device.texture(part, *key[2:])
        return point, self.textures[key]

    def close(self) -> None:
        self.device.close()

    def write(self, buffer: str, offset: int, data: NDArray[np.uint8]) -> None:
        self.device.write(self.buffers[buffer], offset, data)

    def read(self, buffer: str, offset: int, size: int) -> NDArray[np.uint8]:
        return self.device.read(self.buffers[buffer], offset, size)

    def dispatch(self, step: Json) -> None:
        x, y, z = step["groups"]
        texture = self.texture_of[id(step)]
        bindings = [
            (point, self.buffers[b["buffer"]], b["offset"], b["bytes"])
            for point, b in enumerate(step["bindings"])
            if texture is None or point != texture[0]
        ]
        if texture is not None:
            self.device.use_texture(texture[1])
        self.device.dispatch(self.compiled[step["program"]], bindings, (x, y, z))

    def timed(self, step: Json) -> float:
        seconds = 0.0

        def launch() -> None:
            nonlocal seconds
            seconds = super(GlesRunner, self).timed(step)

        nanoseconds = self.device.timed(launch)
        return seconds if nanoseconds is None else nanoseconds / 1e9

    def barrier(self) -> None:
        self.device.barrier()

    def finish(self) -> None:
        self.device.finish()
