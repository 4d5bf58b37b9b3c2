"""Where TFLite's resize ops read: source positions along one axis, in its float32 arithmetic."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import TensorType


class Resize(Op):
    """Changes height and width to the constant ``size``; how is below."""

    input: Value
    size: Value
    align_corners: bool = False
    half_pixel_centers: bool = False

    def infer(self) -> TensorType:
        n, _, _, c = self.input.type.shape
        height, width = static_ints(self.size, "size")
        return TensorType(self.input.type.dtype, (n, height, width, c))

    def verify(self) -> None:
        self.check(self.input.type.rank == 4, f"input must be NHWC, not {self.input.type}")
        self.check(self.size.type.shape == (2,), f"size must be [height, width], not {self.size}")
        self.check(bool((self.size.static("size") > 0).all()), "size must be positive")
        self.check(
            not (self.align_corners and self.half_pixel_centers),
            "align_corners and half_pixel_centers exclude each other",
        )

    @classmethod
    def samples(cls) -> Iterator[Op]:
        image = runtime(1, 5, 7, 3)
        for corners, half in ((False, False), (True, False), (False, True)):
            for size in ([10, 14], [3, 4]):
                yield cls(
                    input=image,
                    size=constant(size, "size"),
                    align_corners=corners,
                    half_pixel_centers=half,
                )
        yield cls(input=image, size=constant([1, 1], "size"), align_corners=True)
        yield cls(input=runtime(2, 1, 4, 5), size=constant([3, 9], "size"))


def scale(extent: int, size: int, align_corners: bool) -> np.float32:
    """Source elements per output element along an axis of ``extent`` resized to ``size``."""
    if align_corners and size > 1:
        return np.float32(extent - 1) / np.float32(size - 1)
    return np.float32(extent) / np.float32(size)


def nearest_taps(extent: int, size: int, align_corners: bool, half_pixel_centers: bool) -> Array:
    """The source index of each of ``size`` outputs.

    Rounds half up with ``align_corners`` and down otherwise; half pixel centres are sampled at
    (i + 0.5) * scale without going back by half a pixel.
    """
    position = np.arange(size, dtype=np.float32) + np.float32(0.5 if half_pixel_centers else 0)
    position = position * scale(extent, size, align_corners)
    # In double precision the half can be added without rounding 0.49999997 up.
    index = np.floor(position.astype(np.float64) + (0.5 if align_corners else 0))
    return np.clip(index, 0, extent - 1).astype(np.int64)


def linear_taps(
    extent: int, size: int, align_corners: bool, half_pixel_centers: bool
) -> tuple[Array, Array, Array]:
    """For each of ``size`` outputs the lower and upper source index and the upper one's weight."""
    factor = scale(extent, size, align_corners)
    position = np.arange(size, dtype=np.float32)
    if half_pixel_centers:
        position = (position + np.float32(0.5)) * factor - np.float32(0.5)
    else:
        position = position * factor
    position = np.clip(position, 0, extent - 1)
    lower, upper = np.floor(position), np.ceil(position)
    return lower.astype(np.int64), upper.astype(np.int64), position - lower
