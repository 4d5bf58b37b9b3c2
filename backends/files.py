"""The files of a bundle, in memory or on disk, as writers and runners see them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tflgpuc.backends.manifest import Json
from tflgpuc.ir.errors import BundleError

MANIFEST, WEIGHTS_FILE = "manifest.json", "weights.bin"

Chunks = Sequence[memoryview | bytes]


@dataclass(frozen=True, eq=False)
class BundleFiles:
    """A manifest and the files it lists: ``chunks`` in memory, or those in ``folder``."""

    manifest: Json
    chunks: Mapping[str, Chunks] = field(default_factory=dict)
    folder: Path | None = None

    def read(self, name: str) -> Chunks:
        """One file's bytes."""
        if name == MANIFEST:
            return [(json.dumps(self.manifest, indent=1) + "\n").encode()]
        if self.folder is not None:
            try:
                return [(self.folder / name).read_bytes()]
            except OSError as error:
                raise BundleError(f"{self.folder}: {error.strerror}: {name}") from None
        return self.chunks[name]

    def text(self, name: str) -> str:
        """One file's text."""
        return self.bytes(name).decode()

    def bytes(self, name: str) -> bytes:
        """One file as it is."""
        return b"".join(self.read(name))

    @cached_property
    def weights(self) -> NDArray[np.uint8]:
        """The weights file; mapped where the bundle is on disk."""
        if self.folder is not None and self.manifest["memory"]["weights_bytes"]:
            return np.memmap(self.folder / WEIGHTS_FILE, np.uint8, "r")
        return np.frombuffer(self.bytes(WEIGHTS_FILE), np.uint8)

    def file_of(self, program: Json, language: str) -> str:
        """The file that holds a program in one language."""
        entry = program["entry"].get(language)
        if entry is None:
            raise BundleError(f"the bundle was compiled without {language}")
        return str(entry["file"])
