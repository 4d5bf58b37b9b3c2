"""How a kernel sees tensors: by coordinates, whatever their layout and storage."""

from __future__ import annotations

from dataclasses import dataclass

from tflgpuc.ir.graph.types import DType, Lanes, Layout
from tflgpuc.ir.shader import (
    F32X4,
    I32,
    Buffer,
    Expr,
    Operand,
    as_expr,
    bitcast,
    call,
    compose,
    const,
    convert,
    select,
    splat,
)

Shape = tuple[int, int, int, int]
Coordinates = tuple[Expr, ...]
# Elements of these types lie several to a 32-bit word in row-major tensors: bits of one.
PACKED: dict[DType, int] = {"bool": 8, "i8": 8, "u8": 8, "i16": 16, "u16": 16}
ZERO = const(0, I32)


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


def nhwc(dims: tuple[int, ...]) -> Shape:
    """A shape of up to four axes as batch, height, width, channels."""
    assert len(dims) <= 4, dims
    n, h, w, c = (1,) * (4 - len(dims)) + dims
    return n, h, w, c


@dataclass(frozen=True)
class Element:
    """The place of one element of the output, a tensor of any rank: an index along every axis."""

    dims: tuple[int, ...]
    at: Coordinates


def row_major(at: Coordinates, dims: tuple[int, ...]) -> Expr:
    """The number of an element in row-major order."""
    made: Expr = ZERO
    for i, (index, extent) in enumerate(zip(at, dims, strict=True)):
        made = index if i == 0 else made * extent + index
    return made


def lane_of(vector: Expr, index: Expr) -> Expr:
    """The component of a vec4 that ``index`` (0..3) names at run time."""
    x, y, z, w = (vector.lane(i) for i in range(4))
    return select(index < 2, select(index < 1, x, y), select(index < 3, z, w))


def packed(value: Expr) -> Expr:
    """Four integers as the bytes of a word, the first one lowest."""
    word: Expr = ZERO
    for i in range(4):
        word = word | ((value.lane(i) & 255) << (8 * i))
    return convert(word, "u32")


@dataclass(frozen=True)
class View:
    """A tensor as a kernel reads and writes it.

    ``dims`` is its shape, ``dtype`` its element type in memory. A PHWC4 view's buffer holds vec4
    elements, a row-major one's scalars, words that several small elements share, or for halves and
    constants vec4s. ``base`` is the first element's index in the buffer; ``lanes`` says what the
    padding lanes hold. Where ``low`` isn't 0, the element that far on has to be added: what halves
    left of it. Integer constants are kept as ``digits`` of a radix, each so far on from the one before.
    """

    dims: tuple[int, ...]
    buffer: Buffer
    layout: Layout = "phwc4"
    lanes: Lanes = "zero"
    base: int = 0
    low: int = 0
    dtype: DType = "f32"
    radix: int = 0
    digits: tuple[int, ...] = ()
    is_constant: bool = False

    @property
    def shape(self) -> Shape:
        """The shape as NHWC."""
        return nhwc(self.dims)

    @property
    def slices(self) -> int:
        """Number of slices of four channels."""
        return -(-self.shape[3] // 4)

    @property
    def word_pixels(self) -> bool:
        """Whether a pixel is a word: four channels of a byte each, in row-major order."""
        return self.layout == "nhwc" and self.dtype in ("i8", "u8") and self.dims[-1:] == (4,)

    @property
    def computed(self) -> bool:
        """Whether the elements lie in no memory: ``buffer`` and indices into it mean nothing then."""
        return False

    @property
    def zero(self) -> Expr:
        """0 in the type that elements are read in: f32, or i32 for integers and bools."""
        return const(0, F32X4.of(1) if self.dtype in ("f32", "f16") else I32)

    # --- by vec4 ---

    def index(self, batch: Expr, row: Expr, column: Expr, slice: Expr) -> Expr:
        """The index of a slice's vec4 in a PHWC4 view."""
        return self._vec4(batch, row * self.shape[2] + column, slice)

    def _vec4(self, batch: Expr, pixel: Expr, slice: Expr) -> Expr:
        n, h, w, _ = self.shape
        plane = slice if n == 1 else batch * self.slices + slice
        return plane * (h * w) + pixel + self.base

    def _number(self, batch: Expr, pixel: Expr, channel: Expr) -> Expr:
        """The number of an element of a row-major view."""
        n, h, w, c = self.shape
        place = pixel if n == 1 else batch * (h * w) + pixel
        return place * c + channel

    def _pixel(self, at: At) -> Expr:
        """The pixel number of a place in this view; axes of 1 are broadcast."""
        _, h, w, _ = self.shape
        if at.pixel is not None and (h, w) == at.shape[1:3]:
            return at.pixel
        return (at.row * w if h > 1 else ZERO) + (at.column if w > 1 else ZERO)

    def read(self, at: At) -> Expr:
        """The vec4 at a place of the output; axes of 1 are broadcast."""
        n, _, _, c = self.shape
        batch = at.batch if n > 1 else ZERO
        wide = at.shape[3] > 1 and c == 1
        slice = ZERO if wide else at.slice
        if self.layout == "phwc4":
            value = self.vec4(self._vec4(batch, self._pixel(at), slice))
        else:
            value = compose(*self._lanes(batch, self._pixel(at), slice))
        return splat(value.lane(0), 4) if wide else value

    def _lanes(self, batch: Expr, pixel: Expr, slice: Expr) -> list[Expr]:
        """Four neighbouring channels of a row-major view; 0 past the last channel."""
        n, h, w, c = self.shape
        if self.word_pixels:
            return self._bytes(self.buffer[pixel if n == 1 else batch * (h * w) + pixel])
        last = n * h * w * c - 1
        lanes: list[Expr] = []
        for i in range(4):
            number = self._number(batch, pixel, slice * 4 + i)
            if c % 4 == 0 or i < c < 4:
                lanes.append(self.element(number))
            elif c < 4:
                lanes.append(self.zero)
            else:
                # The address is kept inside the buffer too: both sides of a select may be read.
                kept = self.element(call("min", number, last))
                lanes.append(select(slice * 4 + i < c, kept, self.zero))
        return lanes

    def _bytes(self, word: Expr) -> list[Expr]:
        """The four bytes of a word."""
        bits = convert(word, "i32")
        if self.dtype == "u8":
            return [(bits >> (8 * i)) & 255 for i in range(4)]
        return [(bits << (24 - 8 * i)) >> 24 for i in range(4)]

    def vec4(self, index: Expr) -> Expr:
        """The vec4 of an index into the buffer, in full accuracy."""
        value = self._row(index)
        if self.radix:
            value = convert(value, "i32")
            for step in self.digits:
                value = value * self.radix + convert(self._row(index + step), "i32")
            return value
        return value + self._row(index + self.low) if self.low else value

    def _row(self, index: Expr) -> Expr:
        """A row of the buffer, which four words make where constants share it with bytes."""
        if self.buffer.element.lanes == 4:
            return self.buffer[index]
        return compose(*(bitcast(self.buffer[index * 4 + i], "f32") for i in range(4)))

    def load(self, batch: Expr, row: Expr, column: Expr, slice: Expr) -> Expr:
        """The vec4 at exact coordinates, in either layout."""
        if self.layout == "phwc4":
            return self.vec4(self.index(batch, row, column, slice))
        return compose(*self._lanes(batch, row * self.shape[2] + column, slice))

    def read_clean(self, batch: Expr, row: Expr, column: Expr, slice: Expr) -> Expr:
        """The vec4 at exact coordinates with padding lanes that can't harm a sum: masked if need be."""
        value = self.load(batch, row, column, slice)
        return self.mask(value, slice, 0.0) if self.lanes == "any" else value

    def mask(self, value: Expr, slice: Expr, fill: float) -> Expr:
        """``value`` with ``fill`` in its padding lanes."""
        c = self.shape[3]
        if c % 4 == 0:
            return value
        filled = const(fill, value.type.of(1))
        kept = compose(*(value.lane(i) if i < c % 4 else filled for i in range(4)))
        return kept if self.slices == 1 else select(slice.eq(self.slices - 1), kept, value)

    # --- by element ---

    def read_channel(self, batch: Expr, row: Expr, column: Expr, channel: Expr) -> Expr:
        """One scalar, its channel known only at run time."""
        if self.layout == "nhwc":
            return self.element(self._number(batch, row * self.shape[2] + column, channel))
        vector = self.vec4(self.index(batch, row, column, channel // 4))
        return vector.lane(0) if self.shape[3] == 1 else lane_of(vector, channel % 4)

    def at(self, at: Coordinates) -> Expr:
        """One scalar of a tensor of any rank."""
        assert len(at) == len(self.dims), (at, self.dims)
        if self.layout == "nhwc":
            return self.element(row_major(at, self.dims))
        batch, row, column, channel = (ZERO,) * (4 - len(at)) + at
        return self.read_channel(batch, row, column, channel)

    def broadcast(self, at: Coordinates) -> Expr:
        """One scalar at a place of the output, as shapes align; axes of 1 are broadcast."""
        own = at[len(at) - len(self.dims) :]
        return self.at(tuple(ZERO if e == 1 else i for i, e in zip(own, self.dims, strict=True)))

    def element(self, number: Expr) -> Expr:
        """The scalar of a number in row-major order; bools are 0 and 1."""
        assert self.layout == "nhwc"
        if self.buffer.element.lanes == 4 or self.is_constant:
            return lane_of(self.vec4(number // 4 + self.base), number % 4)
        if self.dtype == "i64":
            return self.buffer[number * 2]
        if self.dtype not in PACKED:
            return self.buffer[number + self.base]
        bits = PACKED[self.dtype]
        each = 32 // bits
        word = convert(self.buffer[number // each], "i32")
        place = number % each * bits
        if self.dtype in ("i8", "i16"):
            # Up to the word's top end and down again, so that the sign goes along.
            return (word << (const(32 - bits, I32) - place)) >> (32 - bits)
        return (word >> place) & ((1 << bits) - 1)

    # --- writing ---

    def stores(self, at: At, value: Expr) -> list[tuple[Expr, Expr, Expr | None]]:
        """How to write a vec4 at a place: index, value, and a condition on each store."""
        if self.layout == "phwc4":
            return [(self._vec4(at.batch, self._pixel(at), at.slice), value, None)]
        if self.word_pixels:
            return [(self._number(at.batch, self._pixel(at), ZERO) // 4, packed(value), None)]
        c = self.shape[3]
        found: list[tuple[Expr, Expr, Expr | None]] = []
        for i in range(min(4, c)):
            channel = at.slice * 4 + i
            guard = channel < c if c % 4 and c > 4 and i >= c % 4 else None
            number = self._number(at.batch, self._pixel(at), channel)
            found += [(k, v, guard) for k, v in self.element_stores(number, value.lane(i))]
        return found

    def element_stores(self, number: Expr, value: Expr) -> list[tuple[Expr, Expr]]:
        """How to write the scalar of a number in row-major order."""
        assert self.dtype not in PACKED and self.dtype != "f16", "words are written whole"
        if self.dtype == "i64":
            return [(number * 2, value), (number * 2 + 1, value >> 31)]
        return [(number + self.base, value)]


ZERO4 = const(0.0, F32X4)
