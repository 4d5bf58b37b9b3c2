"""How a kernel sees tensors: by coordinates, whatever their layout and storage."""

from __future__ import annotations

from dataclasses import dataclass

from tflgpuc.ir.graph.types import Lanes, Layout
from tflgpuc.ir.shader import (
    F32,
    F32X4,
    I32,
    Buffer,
    Expr,
    Operand,
    as_expr,
    call,
    compose,
    const,
    select,
    splat,
)

Shape = tuple[int, int, int, int]


@dataclass(frozen=True)
class At:
    """A place in an NHWC tensor: batch, row, column, slice.

    ``pixel`` is ``row * width + column`` where the kernel counts pixels instead of rows; ``row`` and
    ``column`` are then derived only by who needs them.
    """

    shape: Shape
    batch: Expr
    row: Expr
    column: Expr
    slice: Expr
    pixel: Expr | None = None

    @staticmethod
    def of(shape: Shape, batch: Operand, row: Operand, column: Operand, slice: Operand) -> At:
        """A place by row and column."""
        return At(shape, *(as_expr(i, I32) for i in (batch, row, column, slice)))

    @staticmethod
    def linear(shape: Shape, batch: Operand, pixel: Expr, slice: Operand) -> At:
        """A place by pixel number."""
        width = shape[2]
        n, s = as_expr(batch, I32), as_expr(slice, I32)
        return At(shape, n, pixel // width, pixel % width, s, pixel)


def lane_of(vector: Expr, index: Expr) -> Expr:
    """The component of a vec4 that ``index`` (0..3) names at run time."""
    x, y, z, w = (vector.lane(i) for i in range(4))
    return select(index < 2, select(index < 1, x, y), select(index < 3, z, w))


@dataclass(frozen=True)
class View:
    """A tensor as a kernel reads and writes it.

    ``shape`` is NHWC. A PHWC4 view's buffer holds vec4 elements, a row-major one's scalars. ``base`` is
    the first element's index in the buffer; ``lanes`` says what the padding lanes hold. Where ``low``
    isn't 0, the element that far on has to be added: what halves left of it.
    """

    shape: Shape
    buffer: Buffer
    layout: Layout = "phwc4"
    lanes: Lanes = "zero"
    base: int = 0
    low: int = 0

    @property
    def slices(self) -> int:
        """Number of slices of four channels."""
        return -(-self.shape[3] // 4)

    def index(self, batch: Expr, row: Expr, column: Expr, slice: Expr) -> Expr:
        """The index of a slice's vec4 in a PHWC4 view."""
        return self._vec4(batch, row * self.shape[2] + column, slice)

    def _vec4(self, batch: Expr, pixel: Expr, slice: Expr) -> Expr:
        n, h, w, _ = self.shape
        plane = slice if n == 1 else batch * self.slices + slice
        return plane * (h * w) + pixel + self.base

    def _scalar(self, batch: Expr, pixel: Expr, channel: Expr) -> Expr:
        n, h, w, c = self.shape
        place = pixel if n == 1 else batch * (h * w) + pixel
        return place * c + channel + self.base

    def _pixel(self, at: At) -> Expr:
        """The pixel number of a place in this view; axes of 1 are broadcast."""
        _, h, w, _ = self.shape
        if at.pixel is not None and (h, w) == at.shape[1:3]:
            return at.pixel
        zero = const(0, I32)
        return (at.row * w if h > 1 else zero) + (at.column if w > 1 else zero)

    def read(self, at: At) -> Expr:
        """The vec4 at a place of the output; axes of 1 are broadcast."""
        n, _, _, c = self.shape
        zero = const(0, I32)
        batch = at.batch if n > 1 else zero
        wide = at.shape[3] > 1 and c == 1
        slice = zero if wide else at.slice
        if self.layout == "phwc4":
            value = self.vec4(self._vec4(batch, self._pixel(at), slice))
        else:
            value = compose(*self._lanes(batch, self._pixel(at), slice))
        return splat(value.lane(0), 4) if wide else value

    def _lanes(self, batch: Expr, pixel: Expr, slice: Expr) -> list[Expr]:
        """Four neighbouring channels of a row-major view; 0 past the last channel."""
        n, h, w, c = self.shape
        last = self.base + n * h * w * c - 1
        lanes: list[Expr] = []
        for i in range(4):
            index = self._scalar(batch, pixel, slice * 4 + i)
            if c % 4 == 0 or i < c < 4:
                lanes.append(self.buffer[index])
            elif c < 4:
                lanes.append(const(0.0, F32))
            else:
                # The address is kept inside the buffer too: both sides of a select may be read.
                lanes.append(select(slice * 4 + i < c, self.buffer[call("min", index, last)], 0.0))
        return lanes

    def stores(self, at: At, value: Expr) -> list[tuple[Expr, Expr, Expr | None]]:
        """How to write a vec4 at a place: index, value, and a condition on each store."""
        if self.layout == "phwc4":
            return [(self._vec4(at.batch, self._pixel(at), at.slice), value, None)]
        c = self.shape[3]
        found: list[tuple[Expr, Expr, Expr | None]] = []
        for i in range(min(4, c)):
            channel = at.slice * 4 + i
            guard = channel < c if c % 4 and c > 4 and i >= c % 4 else None
            found.append((self._scalar(at.batch, self._pixel(at), channel), value.lane(i), guard))
        return found

    def vec4(self, index: Expr) -> Expr:
        """The vec4 of an index, in full accuracy."""
        value = self.buffer[index]
        return value + self.buffer[index + self.low] if self.low else value

    def read_clean(self, batch: Expr, row: Expr, column: Expr, slice: Expr) -> Expr:
        """The vec4 at exact coordinates with padding lanes that can't harm a sum: masked if need be."""
        value = self.vec4(self.index(batch, row, column, slice))
        return self.mask(value, slice, 0.0) if self.lanes == "any" else value

    def mask(self, value: Expr, slice: Expr, fill: float) -> Expr:
        """``value`` with ``fill`` in its padding lanes."""
        c = self.shape[3]
        if c % 4 == 0:
            return value
        kept = compose(*(value.lane(i) if i < c % 4 else const(fill, F32) for i in range(4)))
        return kept if self.slices == 1 else select(slice.eq(self.slices - 1), kept, value)

    def read_channel(self, batch: Expr, row: Expr, column: Expr, channel: Expr) -> Expr:
        """One scalar, its channel known only at run time."""
        if self.layout == "nhwc":
            return self.buffer[self._scalar(batch, row * self.shape[2] + column, channel)]
        vector = self.vec4(self.index(batch, row, column, channel // 4))
        return vector.lane(0) if self.shape[3] == 1 else lane_of(vector, channel % 4)


ZERO4 = const(0.0, F32X4)
