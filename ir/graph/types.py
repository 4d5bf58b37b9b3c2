"""Tensor types: shape, element type, quantisation, and for GPU values layout and padding lanes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

DType = Literal[
    "f16", "f32", "f64", "bf16", "i4", "i8", "i16", "i32", "i64", "u4", "u8", "u16", "u32", "u64",
    "bool", "string", "c64", "c128", "resource", "variant", "i2",
]  # fmt: skip

# Element types NumPy can hold; the rest only pass through the graph as opaque bytes.
NUMPY: dict[str, np.dtype[np.generic]] = {
    "f16": np.dtype(np.float16),
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
    "i8": np.dtype(np.int8),
    "i16": np.dtype(np.int16),
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
    "u8": np.dtype(np.uint8),
    "u16": np.dtype(np.uint16),
    "u32": np.dtype(np.uint32),
    "u64": np.dtype(np.uint64),
    "bool": np.dtype(np.bool_),
    "c64": np.dtype(np.complex64),
    "c128": np.dtype(np.complex128),
}
DTYPES: dict[np.dtype[np.generic], DType] = {v: k for k, v in NUMPY.items()}  # type: ignore[misc]

Layout = Literal["nhwc", "phwc4"]
Lanes = Literal["zero", "finite", "any"]


@dataclass(frozen=True)
class Quantization:
    """Affine quantisation, ``real = scale * (q - zero_point)``; one pair, or one per ``axis`` index."""

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int = 0


@dataclass(frozen=True)
class TensorType:
    """The type of a value.

    ``layout`` is row-major (``nhwc``, any rank) or PHWC4: slices of four channels, ranks up to 4 seen
    as NHWC with leading axes of 1. ``lanes`` says what the padding lanes of the last PHWC4 slice hold.
    ``signature`` is the shape with -1 where the model's author left an axis open. Of a ``dynamic``
    tensor nobody knows the shape before run time; ``shape`` then only holds its place.
    """

    dtype: DType
    shape: tuple[int, ...]
    layout: Layout = "nhwc"
    lanes: Lanes = "any"
    quantization: Quantization | None = None
    signature: tuple[int, ...] | None = field(default=None, compare=False)
    dynamic: bool = field(default=False, compare=False)

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements, padding lanes not counted."""
        return math.prod(self.shape)

    @property
    def nhwc(self) -> tuple[int, int, int, int]:
        """The shape as batch, height, width, channels; ranks up to 4."""
        assert self.rank <= 4, f"rank {self.rank} has no NHWC view"
        n, h, w, c = (1,) * (4 - self.rank) + self.shape
        return n, h, w, c

    @property
    def slices(self) -> int:
        """Number of PHWC4 slices."""
        return -(-self.nhwc[3] // 4)

    @property
    def bytes(self) -> int:
        """Bytes in memory, in this layout."""
        width = NUMPY[self.dtype].itemsize if self.dtype in NUMPY else 1
        if self.layout == "nhwc":
            # Small elements share words, halves groups of four.
            return self.size * width if width >= 4 else -(-self.size * width // 8) * 8
        n, h, w, _ = self.nhwc
        return n * h * w * self.slices * 4 * width

    def array(self, data: NDArray[np.uint8]) -> NDArray[Any]:
        """The row-major tensor at the start of some bytes."""
        width = NUMPY[self.dtype].itemsize
        found: NDArray[Any] = data[: self.size * width].view(NUMPY[self.dtype])
        return found.reshape(self.shape)

    def real(self, data: NDArray[Any]) -> NDArray[Any]:
        """The numbers that data of this type stand for, as f32; itself where it isn't quantised."""
        q = self.quantization
        if q is None or data.dtype.kind not in "iu":
            return data
        shape = [1] * data.ndim
        if len(q.scale) > 1:
            shape[q.axis] = -1
        scale, zero = (np.asarray(a, np.float32).reshape(shape) for a in (q.scale, q.zero_point))
        return (data.astype(np.float32) - zero) * scale

    def stored(self, dtype: DType, layout: Layout, lanes: Lanes = "any") -> TensorType:
        """The same tensor as it lies in GPU memory."""
        return replace(self, dtype=dtype, layout=layout, lanes=lanes)

    def __str__(self) -> str:
        text = "x".join([*map(str, self.shape), self.dtype])
        return text if self.layout == "nhwc" else f"{text}@{self.layout}({self.lanes})"
