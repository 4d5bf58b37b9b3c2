"""RFFT2D."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import TensorType


class Rfft2d(Op, name="tfl.rfft2d", tflite="RFFT2D"):
    """The Fourier transform of real images, over the last two axes.

    Images are first cut, or padded with zeros, to ``fft_length``, two powers of two. Of the last
    axis only the first half of the frequencies and the one in the middle are kept.
    """

    input: Value
    fft_length: Value

    @property
    def lengths(self) -> tuple[int, ...]:
        """Height and width of what is transformed."""
        return static_ints(self.fft_length, "fft_length")

    def infer(self) -> TensorType:
        height, width = self.lengths
        return TensorType("c64", (*self.input.type.shape[:-2], height, width // 2 + 1))

    def verify(self) -> None:
        input, length = self.input.type, self.fft_length.type
        self.check(input.dtype == "f32" and input.rank >= 2, f"{input} is no image")
        self.check(length.shape == (2,), f"fft_length is {length}")
        for n in self.lengths:
            self.check(n > 0 and n & (n - 1) == 0, f"{n} is no power of two")

    def reference(self, input: Array, fft_length: Array) -> Array:
        return np.fft.rfft2(input, self.lengths).astype(np.complex64)

    @classmethod
    def samples(cls) -> Iterator[Rfft2d]:
        for shape, lengths in (((4, 8), (4, 8)), ((2, 3, 9), (4, 8)), ((1, 5, 1, 6), (1, 8))):
            yield cls(input=runtime(*shape), fft_length=constant(lengths, "lengths"))
