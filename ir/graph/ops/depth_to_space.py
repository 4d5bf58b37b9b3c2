"""Moves channels into height and width."""

from __future__ import annotations

from collections.abc import Iterator

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.types import TensorType


class DepthToSpace(Op, name="tfl.depth_to_space", tflite="DEPTH_TO_SPACE"):
    """Each pixel's channels as a block of ``block_size`` squared pixels; offsets vary slowest."""

    input: Value
    block_size: int = 1

    def infer(self) -> TensorType:
        n, h, w, c = self.input.type.shape
        b = self.block_size
        return TensorType(self.input.type.dtype, (n, h * b, w * b, c // b // b))

    def verify(self) -> None:
        type, b = self.input.type, self.block_size
        self.check(type.rank == 4, f"input is {type}, not of rank 4")
        self.check(b > 0, f"block_size is {b}")
        self.check(
            type.shape[3] % (b * b) == 0, f"blocks of {b} by {b} from {type.shape[3]} channels"
        )

    def reference(self, input: Array) -> Array:
        n, h, w, c = input.shape
        b = self.block_size
        blocks = input.reshape(n, h, w, b, b, c // b // b)
        return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(self.result.type.shape)

    @classmethod
    def samples(cls) -> Iterator[DepthToSpace]:
        for shape, block in (((1, 2, 3, 16), 2), ((2, 3, 2, 12), 2), ((1, 2, 1, 9), 3)):
            yield cls(input=Value(TensorType("f32", shape), "x"), block_size=block)
