"""The first step of a convolution by Winograd's method."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.graph.winograd import BT, INPUTS, OUTPUTS, POINTS


class WinogradInput(Op, name="gpu.winograd_input"):
    """6x6 tiles of an NHWC input, 4 apart, as ``BT d B``: [36 points, 1, tiles, channels].

    The first tile begins ``top`` rows above and ``left`` columns before the image, where there are
    zeros; each image has ``rows`` x ``columns`` tiles.
    """

    input: Value
    top: int
    left: int
    rows: int
    columns: int

    def infer(self) -> TensorType:
        n, _, _, channels = self.input.type.shape
        shape = (POINTS, 1, n * self.rows * self.columns, channels)
        return TensorType(self.input.type.dtype, shape)

    def verify(self) -> None:
        self.check(self.input.type.rank == 4, f"input must be NHWC, not {self.input.type}")
        self.check(min(self.top, self.left) >= 0, "negative padding")
        self.check(min(self.rows, self.columns) >= 1, "no tiles")

    def reference(self, input: Array) -> Array:
        n, h, w, channels = input.shape
        bottom = self.rows * OUTPUTS + INPUTS - OUTPUTS - self.top - h
        right = self.columns * OUTPUTS + INPUTS - OUTPUTS - self.left - w
        pads = ((0, 0), (self.top, max(0, bottom)), (self.left, max(0, right)), (0, 0))
        padded = np.pad(input, pads)
        tiles = np.empty((n, self.rows, self.columns, INPUTS, INPUTS, channels), np.float32)
        for y in range(self.rows):
            for x in range(self.columns):
                top, left = y * OUTPUTS, x * OUTPUTS
                tiles[:, y, x] = padded[:, top : top + INPUTS, left : left + INPUTS]
        made = np.einsum("iy,nabyxc,jx->ijnabc", BT, tiles, BT)
        return np.asarray(made.reshape(self.infer().shape), input.dtype)

    @classmethod
    def samples(cls) -> Iterator[WinogradInput]:
        yield cls(input=runtime(2, 5, 9, 6), top=1, left=1, rows=2, columns=3)
        yield cls(input=runtime(1, 8, 8, 4), top=0, left=0, rows=2, columns=2)
        yield cls(input=runtime(1, 2, 1, 3), top=1, left=2, rows=1, columns=1)
