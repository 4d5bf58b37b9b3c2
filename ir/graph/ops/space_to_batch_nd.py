"""SPACE_TO_BATCH_ND."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.blocks import Blocks
from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import TensorType


class SpaceToBatchND(Blocks, name="tfl.space_to_batch_nd", tflite="SPACE_TO_BATCH_ND"):
    """Each block of padded space goes to entries of the batch, an element to each.

    The batch then holds the blocks' first elements for every image, then their second ones, and so
    on. ``paddings`` are zeros, a quantised tensor's zero point; negative ones cut off.
    """

    paddings: Value

    @property
    def padded(self) -> tuple[tuple[int, int], ...]:
        """What is added before and after, for each axis of space."""
        return self.margins(self.paddings, "paddings")

    @property
    def extents(self) -> tuple[int, ...]:
        """The size of each axis of space with its padding."""
        sizes = zip(self.input.type.shape[1:-1], self.padded, strict=True)
        return tuple(size + sum(pads) for size, pads in sizes)

    def infer(self) -> TensorType:
        batch, *_, depth = self.input.type.shape
        block = self.block
        space = (e // max(1, b) for e, b in zip(self.extents, block, strict=True))
        return TensorType(self.input.type.dtype, (batch * math.prod(block), *space, depth))

    def verify(self) -> None:
        self.verify_blocks(self.paddings, "paddings")
        for size, block in zip(self.extents, self.block, strict=True):
            self.check(size >= 0, f"paddings {self.padded} of {self.input.type}")
            self.check(size % block == 0, f"{size} elements in blocks of {block}")

    def reference(self, input: Array, block_shape: Array, paddings: Array) -> Array:
        quantization = self.input.type.quantization
        zero = quantization.zero_point[0] if quantization else 0
        block, made = self.block, self.result.type.shape
        cut = tuple(
            slice(max(0, -a), size - max(0, -b))
            for size, (a, b) in zip(input.shape[1:-1], self.padded, strict=True)
        )
        widths = [(max(0, a), max(0, b)) for a, b in self.padded]
        whole = np.pad(input[(slice(None), *cut)], [(0, 0), *widths, (0, 0)], constant_values=zero)
        axes = len(block)
        sizes = [n for pair in zip(made[1:-1], block, strict=True) for n in pair]
        split = whole.reshape(input.shape[0], *sizes, input.shape[-1])
        inner, outer = range(2, 2 * axes + 1, 2), range(1, 2 * axes, 2)
        return split.transpose(*inner, 0, *outer, 2 * axes + 1).reshape(made)

    @classmethod
    def samples(cls) -> Iterator[SpaceToBatchND]:
        for shape, block, paddings in (
            ((2, 4, 6, 5), (2, 2), ((0, 0), (0, 0))),
            ((1, 3, 4, 4), (2, 3), ((1, 0), (0, 2))),
            ((2, 3, 5), (2,), ((1, 2),)),
            ((2, 3, 4, 3), (1, 2), ((-1, 0), (0, 2))),
        ):
            yield cls(
                input=runtime(*shape),
                block_shape=constant(block, "block"),
                paddings=constant(np.array(paddings, np.int32), "paddings"),
            )
