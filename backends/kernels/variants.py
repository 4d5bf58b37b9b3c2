"""The ways in which one kernel can share its work among invocations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tflgpuc.ir.target import Tile


@dataclass(frozen=True)
class Plan:
    """How a work group shares the work.

    Its tile is ``width`` x ``height`` pixels and ``across`` x ``tile.slices`` output slices; an
    invocation sums ``tile``. ``chunk`` input slices are in shared memory at a time, made in patches
    of ``patch``.
    """

    width: int
    height: int
    tile: Tile
    across: int
    chunk: int
    patch: Tile

    def __str__(self) -> str:
        return (
            f"{self.width} x {self.height} pixels a group, {self.chunk} slices staged, {self.tile}"
        )

    @property
    def pixels(self) -> int:
        """Pixels of the tile."""
        return self.width * self.height

    @property
    def runs(self) -> int:
        """Runs of pixels in the tile, each one invocation's."""
        return self.pixels // self.tile.pixels

    @property
    def invocations(self) -> int:
        """Invocations of a work group."""
        return self.runs * self.across

    @property
    def shared_bytes(self) -> int:
        """Shared memory of a work group."""
        return self.pixels * self.chunk * 16


Variant: TypeAlias = Tile | Plan
