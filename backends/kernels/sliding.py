"""What kernels with a sliding window share: the grid over slices, and columns that may be padding."""

from __future__ import annotations

from dataclasses import dataclass

from tflgpuc.backends.kernels.context import Context
from tflgpuc.backends.kernels.view import ZERO4, At, Shape, View
from tflgpuc.ir.shader import BOOL, Expr, call, const, select

TRUE: Expr = const(True, BOOL)


@dataclass(frozen=True)
class Place:
    """An invocation's outputs: ``pixels`` columns from ``column`` on, ``rows`` rows from ``row`` on,
    of the slices from ``slice`` on, which are the ``tile``-th of a batch.
    """

    shape: Shape
    pixels: int
    rows: int
    column: Expr
    row: Expr
    batch: Expr
    tile: Expr
    slice: Expr
    inside: Expr

    def column_inside(self, p: int) -> Expr:
        """Whether the p-th column exists; the first does wherever ``inside`` holds."""
        width = self.shape[2]
        return self.column + p < width if p and width % self.pixels else TRUE

    def row_inside(self, r: int) -> Expr:
        """Whether the r-th row exists; the first does wherever ``inside`` holds."""
        height = self.shape[1]
        return self.row + r < height if r and height % self.rows else TRUE

    def at(self, p: int, r: int = 0) -> At:
        """The output in the p-th column and r-th row."""
        return At.of(self.shape, self.batch, self.row + r, self.column + p, self.slice)


def slice_grid(
    c: Context, pixels: int, slice_tile: int = 1, rows: int = 1
) -> tuple[Place, tuple[int, int, int]]:
    """An invocation's place, and the grid of them all: runs of ``pixels`` columns along x, of ``rows``
    along y, tiles of slices of every batch along z.
    """
    k = c.k
    n, h, w, _ = c.output.shape
    tiles = -(-c.output.slices // slice_tile)
    column = k.let("column", k.gid(0) * pixels)
    row = k.let("row", k.gid(1) * rows)
    batch = k.let("batch", k.gid(2) // tiles)
    tile = k.gid(2) % tiles
    slice = k.let("slice", tile * slice_tile)
    inside = (column < w) & (row < h) & (k.gid(2) < n * tiles)
    grid = (-(-w // pixels), -(-h // rows), n * tiles)
    return Place(
        (n, h, w, c.output.shape[3]), pixels, rows, column, row, batch, tile, slice, inside
    ), grid


@dataclass(frozen=True)
class Axis:
    """How the outputs of a tile and the taps of a window meet the input along one axis.

    ``reads`` has, for each distance from the tile's first tap, the (output, tap) pairs that need
    the input there.
    """

    extent: int
    before: int
    after: int
    reads: dict[int, list[tuple[int, int]]]
    ragged: bool

    @staticmethod
    def of(
        extent: int,
        pad: tuple[int, int],
        tile: int,
        outputs: int,
        taps: int,
        stride: int,
        dilation: int,
    ) -> Axis:
        """``tile`` of ``outputs`` outputs, ``taps`` taps each, over an input of ``extent``."""
        reads: dict[int, list[tuple[int, int]]] = {}
        for o in range(tile):
            for t in range(taps):
                reads.setdefault(o * stride + t * dilation, []).append((o, t))
        return Axis(extent, *pad, dict(sorted(reads.items())), outputs % tile != 0)

    @property
    def leaves(self) -> bool:
        """Whether some read may lie outside of the input."""
        return bool(self.before or self.after or self.ragged)

    def inside(self, at: Expr) -> Expr:
        """Whether an index lies in the input; known where it always does."""
        return (at >= 0) & (at < self.extent) if self.leaves else TRUE


@dataclass(frozen=True)
class Columns:
    """The input columns that the taps of a run of outputs read.

    ``ragged`` says that the last run may reach past the output's width, and so past the input's.
    """

    c: Context
    x: View
    column: Expr
    stride: int
    left: int
    right: int
    ragged: bool

    def row_inside(self, y: Expr, top: int, bottom: int) -> Expr:
        """Whether an input row exists; known where there is no padding."""
        return (y >= 0) & (y < self.x.shape[1]) if top or bottom else TRUE

    def at(self, p: int, tap: Expr) -> tuple[Expr, Expr | None]:
        """The column of a tap of the p-th output, kept inside the row, and whether it was inside."""
        k, width = self.c.k, self.x.shape[2]
        at = k.let(f"column{p}", (self.column + p) * self.stride + tap - self.left)
        padded = bool(self.left or self.right)
        inside = k.let(f"inside{p}", (at >= 0) & (at < width)) if padded else None
        if padded or (p and self.ragged):
            at = call("clamp", at, 0, width - 1)
        return at, inside

    def kept(self, value: Expr, inside: Expr | None) -> Expr:
        """The value read, or zero where the column was padding."""
        return value if inside is None else select(inside, value, ZERO4)
