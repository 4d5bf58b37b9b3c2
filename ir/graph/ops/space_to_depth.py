"""Moves height and width into channels."""

from __future__ import annotations

from collections.abc import Iterator

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.types import TensorType


class SpaceToDepth(Op, name="tfl.space_to_depth", tflite="SPACE_TO_DEPTH"):
    """Each block of ``block_size`` squared pixels as the channels of one; offsets vary slowest."""

    input: Value
    block_size: int = 1

    def infer(self) -> TensorType:
        n, h, w, c = self.input.type.shape
        b = self.block_size
        return TensorType(self.input.type.dtype, (n, h // b, w // b, c * b * b))

    def verify(self) -> None:
        type, b = self.input.type, self.block_size
        self.check(type.rank == 4, f"input is {type}, not of rank 4")
        self.check(b > 0, f"block_size is {b}")
        fits = type.shape[1] % b == 0 and type.shape[2] % b == 0
        self.check(fits, f"{type.shape[1]} by {type.shape[2]} pixels in blocks of {b} by {b}")

    def reference(self, input: Array) -> Array:
        n, h, w, c = input.shape
        b = self.block_size
        blocks = input.reshape(n, h // b, b, w // b, b, c)
        return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(self.result.type.shape)

    @classmethod
    def samples(cls) -> Iterator[SpaceToDepth]:
        for shape, block in (((1, 4, 6, 4), 2), ((2, 4, 2, 3), 2), ((1, 6, 3, 1), 3)):
            yield cls(input=Value(TensorType("f32", shape), "x"), block_size=block)
