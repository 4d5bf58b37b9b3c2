"""What the compiler knows of a GPU family."""

from __future__ import annotations

from dataclasses import dataclass

from tflgpuc.ir.tuning import Tuning


@dataclass(frozen=True)
class Tile:
    """The outputs that one invocation of a kernel computes."""

    pixels: int
    slices: int = 1
    rows: int = 1

    def __str__(self) -> str:
        rows = f" x {self.rows} rows" if self.rows > 1 else ""
        return f"{self.pixels} pixels{rows} x {self.slices} slices"


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
class Rates:
    """What the whole device does in a second with all its lanes at work, for the choice of kernels.

    ``flops`` are float operations; the others count vec4s, or single elements, that invocations
    read or write in buffers, in textures and in shared memory, caches taken into account.
    ``registers`` is how many vec4s an invocation can hold before a compiler spills.
    """

    flops: float
    storage: float
    texels: float
    shared: float
    registers: float


@dataclass(frozen=True)
class Target:
    """A GPU family's limits and preferences; profiles lie in ``compiler/targets/*.toml``.

    Sizes are bytes. ``compute_units`` and ``wave`` size the work there must be before a kernel may
    take a larger tile; ``tiles`` are the tiles to try for convolutions, largest first. ``lanes_along_x``
    is how many invocations along x run as one vector where only neighbours along x do, else 1.
    ``texel_row`` is how many vec4s of weights make a row of a texture, 0 where GLSL reads buffers.
    ``tuning`` has what kernels were measured to take, which counts more than an estimate.
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
    texel_row: int
    costs: Costs
    rates: Rates
    tuning: Tuning | None = None
