"""What TFLite's pooling ops share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.spatial import (
    Pads,
    Pair,
    output_size,
    taps,
    verify_activation,
    verify_window,
)
from tflgpuc.ir.graph.types import TensorType


class Pooling(Op):
    """Folds a window of each channel; padding is never part of it, not even as a zero.

    Every window has to hold an input element. ``pads`` are top, bottom, left, right, only with
    padding EXPLICIT, which no TFLite file has. Subclasses give ``reference``.
    """

    input: Value
    padding: str = "SAME"
    stride_w: int = 1
    stride_h: int = 1
    filter_width: int = 1
    filter_height: int = 1
    fused_activation_function: str = "NONE"
    pads: Pads | None = None

    @property
    def kernel(self) -> Pair:
        """Height and width of the window."""
        return self.filter_height, self.filter_width

    @property
    def stride(self) -> Pair:
        """Vertical and horizontal stride."""
        return self.stride_h, self.stride_w

    @property
    def dilation(self) -> Pair:
        """Always 1, 1; what windowed ops share asks for it."""
        return 1, 1

    def infer(self) -> TensorType:
        n, _, _, c = self.input.type.shape
        return TensorType(self.input.type.dtype, (n, *output_size(self), c))

    def verify(self) -> None:
        verify_window(self)
        top, bottom, left, right = self.pads or (0, 0, 0, 0)
        kh, kw = self.kernel
        self.check(
            max(top, bottom) < kh and max(left, right) < kw,
            f"pads {self.pads} leave windows of {self.kernel} empty",
        )
        verify_activation(self, self.fused_activation_function)

    @classmethod
    def samples(cls) -> Iterator[Op]:
        image, odd = runtime(1, 8, 6, 4), runtime(2, 7, 5, 3)
        yield cls(input=image, filter_height=2, filter_width=2, stride_h=2, stride_w=2)
        yield cls(input=odd, filter_height=3, filter_width=3, stride_h=2, stride_w=2)
        yield cls(input=odd, filter_height=3, filter_width=2, padding="VALID", stride_w=2)
        yield cls(input=odd, filter_height=7, filter_width=5, padding="VALID")
        yield cls(input=runtime(1, 5, 6, 1), filter_height=4, filter_width=3)
        yield cls(
            input=runtime(1, 6, 6, 5),
            filter_height=3,
            filter_width=3,
            stride_h=2,
            stride_w=2,
            fused_activation_function="RELU",
            padding="EXPLICIT",
            pads=(1, 0, 0, 2),
        )


def window_counts(op: Pooling) -> Array:
    """How many input elements each window holds: (1, out_h, out_w, 1), f32."""
    ones = np.ones((1, *op.input.type.shape[1:3], 1), np.float32)
    return np.asarray(sum(tap for _, _, tap in taps(op, ones)))


def greatest_taps(op: Pooling, array: Array) -> tuple[Array, Array]:
    """The greatest element of each window, and where it is: row * filter_width + column + 0.1.

    Of equal ones the first counts, column by column. A window of NaNs gives the least finite number
    and its corner.
    """
    shape = (array.shape[0], *output_size(op), array.shape[3])
    best = np.full(shape, np.finfo(np.float32).min, array.dtype)
    place = np.zeros(shape, np.float32)
    for i, j, tap in sorted(taps(op, array, -np.inf), key=lambda found: found[1::-1]):
        better = tap > best
        best = np.where(better, tap, best)
        place = np.where(better, np.float32(i * op.filter_width + j), place)
    return best, place + np.float32(0.1)
