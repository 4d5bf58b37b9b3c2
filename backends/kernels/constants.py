"""The constants of one kernel: all of them in one buffer, weights and what has to stay accurate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.types import Quantization
from tflgpuc.ir.shader import F32X4, U32, Buffer, Builder, Expr, Scalar, bitcast, compose, convert

HALF_MAX = 65504.0
# Constants of fewer elements than this fit any cache: smaller ones would save nothing.
HALF_WORTH = 16384
BYTES_WORTH = 4096
Storage = Literal["f32", "f16", "words"]
# Integer constants lie among floats as digits of a radix that the storage holds exactly.
RADIX: dict[Storage, int] = {"f32": 1 << 23, "f16": 1 << 11, "words": 1 << 23}
Rows = NDArray[np.float32]


def is_byte_weights(value: Value) -> bool:
    """Whether a kernel can read the constant as bytes: 8-bit, with one zero point, and large."""
    q, data = value.type.quantization, value.constant
    return (
        data is not None
        and q is not None
        and value.type.dtype in ("i8", "u8")
        and len(set(q.zero_point)) == 1
        and (len(q.scale) == 1 or q.axis == 0)
        and data.size >= BYTES_WORTH
    )


def stores_half_constants(fused: Fused) -> bool:
    """Whether the kernel of a fused op keeps its weights as halves."""
    if not fused.half_weights or stores_bytes(fused):
        return False
    data = [v for op in fused.body.ops if (v := op.results[0].constant) is not None]
    floats = [d for d in data if d.dtype.kind == "f" and d.size]
    fits = all(np.abs(d).max() <= HALF_MAX for d in floats)
    return fits and sum(d.size for d in floats) >= HALF_WORTH


def stores_bytes(fused: Fused) -> bool:
    """Whether the kernel of a fused op keeps weights as bytes."""
    return any(is_byte_weights(v) for op in fused.body.ops for v in op.results)


@dataclass(frozen=True)
class Filter:
    """Weights as rows of four lanes; a sum of products with them becomes real by ``scales``."""

    row: Callable[[Expr], Expr]
    scales: Callable[[Expr], Expr] | None

    def finished(self, total: Expr, slice: Expr, bias: Expr) -> Expr:
        """The sum for a slice of outputs, scaled, plus the bias, which is then not yet in it."""
        return total if self.scales is None else total * self.scales(slice) + bias


@dataclass(eq=False)
class Constants:
    """Rows of four lanes, placed one after the other; offsets count rows.

    As ``words`` a row of floats is four of them, and one of bytes one. ``dry`` ones are only counted.
    ``texel_row`` is how many rows of floats make one of a texture, if GLSL has them in one.
    """

    k: Builder
    fused: Fused
    declared: Callable[[], None]
    dry: bool = False
    texel_row: int = 0
    storage: Storage = "f32"
    buffer: Buffer | None = None
    _chunks: list[Array] = field(default_factory=list)
    _count: int = 0

    def __post_init__(self) -> None:
        if stores_bytes(self.fused):
            self.storage = "words"
        elif stores_half_constants(self.fused):
            self.storage = "f16"

    @property
    def memory(self) -> Buffer:
        """The buffer, declared when the first constant needs it."""
        if self.buffer is None:
            words = self.storage == "words"
            stored: Scalar = "u32" if words else "f16" if self.storage == "f16" else "f32"
            element = U32 if words else F32X4
            row = 0 if words else self.texel_row
            self.buffer = self.k.buffer("weights", element, 0, "read", stored, row)
            self.declared()
        return self.buffer

    def add(self, rows: Rows) -> int:
        """Adds rows; gives the offset of the first."""
        assert rows.ndim == 2 and rows.shape[1] == 4, rows.shape
        return self._place(
            rows.astype(np.float16 if self.storage == "f16" else np.float32, copy=False), len(rows)
        )

    def _place(self, data: Array, rows: int) -> int:
        self.memory  # noqa: B018  declares it
        base = self._count
        if not self.dry:
            self._chunks.append(data)
        self._count += rows
        return base

    def exact(self, rows: Rows) -> tuple[int, int]:
        """Adds rows that have to keep f32's accuracy; gives the offset of the first, and how much
        further on lies what halves leave of each (0 where there is nothing).
        """
        base = self.add(rows)
        if self.storage != "f16":
            return base, 0
        left = rows - rows.astype(np.float16).astype(np.float32)
        return base, self.add(left) - base

    def digits(
        self, data: Array, rows: Callable[[Array], Rows]
    ) -> tuple[int, int, tuple[int, ...]]:
        """Adds integers; gives the offset of their leading digits, the radix, and the steps from
        there to the others, most significant first.
        """
        radix = RADIX[self.storage]
        found, left = [], data.astype(np.int64)
        while left.size and (left.max() >= radix or left.min() < -radix):
            found.append(left % radix)
            left = left // radix
        places = [self.add(rows(digit)) for digit in (left, *reversed(found))]
        return places[0], radix, tuple(place - places[0] for place in places[1:])

    def row(self, index: Expr) -> Expr:
        """The row of floats at an offset."""
        if self.storage != "words":
            return self.memory[index]
        return compose(*(bitcast(self.memory[index * 4 + i], "f32") for i in range(4)))

    def filter(self, value: Value, arranged: Callable[[Array], Rows]) -> Filter:
        """A constant's weights as rows that ``arranged`` makes; outputs are its first axis."""
        data, q = value.static("weights"), value.type.quantization
        if not is_byte_weights(value) or q is None:
            base = 4
            if not self.dry:
                base = self.add(arranged(np.asarray(value.type.real(data), np.float32)))
            return Filter(lambda index: self.memory[index + base], None)
        # Bytes without a sign: what is subtracted again brings real zeros back to zero.
        offset = q.zero_point[0] + (128 if value.type.dtype == "i8" else 0)
        first = 4
        if not self.dry:
            rows = arranged(data.astype(np.float32) - q.zero_point[0]) + offset
            packed = rows.astype(np.uint8)
            padded = np.pad(packed, ((0, -len(packed) % 4), (0, 0)), constant_values=offset)
            first = self._place(padded, len(padded) // 4) * 4
        scales = self.channels(_scales(q, len(data)), len(data)) if set(q.scale) != {1.0} else None

        def row(index: Expr) -> Expr:
            word = self.memory[index + first]
            lanes = compose(word & 255, (word >> 8) & 255, (word >> 16) & 255, word >> 24)
            return convert(lanes, "f32") - float(offset)

        return Filter(row, scales)

    def channels(self, data: Array | None, count: int) -> Callable[[Expr], Expr]:
        """A per-channel vector among the constants, zeros up to ``count``, as vec4s by slice."""
        values = np.zeros(-(-count // 4) * 4, np.float32)
        if data is not None:
            values[: data.size] = data.reshape(-1)
        base, low = self.exact(values.reshape(-1, 4))

        def row(slice: Expr) -> Expr:
            value = self.row(slice + base)
            return value + self.row(slice + (base + low)) if low else value

        return row

    def data(self) -> Array | None:
        """What the buffer holds; None where there is none, or all of this is dry."""
        if self.buffer is None or self.dry:
            return None
        whole = np.empty(sum(chunk.nbytes for chunk in self._chunks), np.uint8)
        # Large ones are dropped one by one; builders' cycles would keep them for long.
        place = 0
        while self._chunks:
            chunk = self._chunks.pop(0).reshape(-1).view(np.uint8)
            whole[place : place + chunk.size] = chunk
            place += chunk.size
        self._chunks.append(whole)
        dtypes: dict[Storage, type] = {"f32": np.float32, "f16": np.float16, "words": np.uint32}
        return whole.view(dtypes[self.storage]).reshape(-1, 4)


def _scales(q: Quantization, count: int) -> Array:
    return np.broadcast_to(np.asarray(q.scale, np.float32), (count,))
