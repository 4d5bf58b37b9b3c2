"""The last step of a convolution by Winograd's method."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime, weights
from tflgpuc.ir.graph.spatial import verify_bias
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.graph.winograd import AT, INPUTS, OUTPUTS, POINTS


class WinogradOutput(Op, name="gpu.winograd_output"):
    """What 36 points of each tile make, ``AT m A`` plus the bias: ``batch`` images in NHWC."""

    input: Value
    bias: Value | None = None
    batch: int
    height: int
    width: int

    @property
    def rows(self) -> int:
        """Rows of tiles in an image."""
        return -(-self.height // OUTPUTS)

    @property
    def columns(self) -> int:
        """Tiles in a row."""
        return -(-self.width // OUTPUTS)

    def infer(self) -> TensorType:
        shape = (self.batch, self.height, self.width, self.input.type.shape[3])
        return TensorType(self.input.type.dtype, shape)

    def verify(self) -> None:
        tiles = (POINTS, 1, self.batch * self.rows * self.columns)
        self.check(self.input.type.shape[:3] == tiles, f"input is {self.input.type}, not {tiles}")
        verify_bias(self, self.bias, self.input.type.shape[3])

    def reference(self, input: Array, bias: Array | None = None) -> Array:
        channels = input.shape[3]
        shape = (INPUTS, INPUTS, self.batch, self.rows, self.columns, channels)
        made = np.einsum("yi,ijnabc,xj->naybxc", AT, input.reshape(shape), AT)
        whole = made.reshape(self.batch, self.rows * OUTPUTS, self.columns * OUTPUTS, channels)
        image = whole[:, : self.height, : self.width]
        return np.asarray(image if bias is None else image + bias, input.dtype)

    @classmethod
    def samples(cls) -> Iterator[WinogradOutput]:
        yield cls(input=runtime(36, 1, 12, 6), bias=weights(6), batch=2, height=7, width=12)
        yield cls(input=runtime(36, 1, 1, 4), batch=1, height=1, width=3)
