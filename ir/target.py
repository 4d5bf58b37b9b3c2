"""What the compiler knows of a GPU family."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tile:
    """The outputs that one invocation of a kernel computes."""

    pixels: int
    slices: int = 1
    rows: int = 1


@dataclass(frozen=True)
class Costs:
    """What decides whether ops go to the CPU, in seconds, bytes and multiply-accumulates a second.

    ``wait`` is how long it takes until the other side can go on, beside the copying at ``copy_rate``;
    ``launch`` a dispatch's own time.
    """

    wait: float
    copy_rate: float
    launch: float
    gpu_macs: float
    gpu_bytes: float
    cpu_macs: float
    cpu_bytes: float


@dataclass(frozen=True)
class Target:
    """A GPU family's limits and preferences; profiles lie in ``compiler/targets/*.toml``.

    Sizes are bytes. ``compute_units`` and ``wave`` size the work there must be before a kernel may
    take a larger tile; ``tiles`` are the tiles to try for convolutions, largest first. ``lanes_along_x``
    is how many invocations along x run as one vector where only neighbours along x do, else 1.
    """

    name: str
    description: str
    max_invocations: int
    max_group: tuple[int, int, int]
    max_groups: tuple[int, int, int]
    storage_blocks: int
    storage_bytes: int
    storage_alignment: int
    shared_bytes: int
    compute_units: int
    wave: int
    lanes_along_x: int
    invocations: int
    tiles: tuple[Tile, ...]
    depthwise_tiles: tuple[Tile, ...]
    costs: Costs
