"""BATCH_TO_SPACE_ND."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.blocks import Blocks
from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import TensorType


class BatchToSpaceND(Blocks, name="tfl.batch_to_space_nd", tflite="BATCH_TO_SPACE_ND"):
    """Each block of space comes from entries of the batch; ``crops`` are then cut off the edges.

    The batch holds the blocks' first elements for every image, then their second ones, and so on.
    Crops that leave less than nothing leave nothing.
    """

    crops: Value

    @property
    def cropped(self) -> tuple[tuple[int, int], ...]:
        """What is cut off before and after, for each axis of space."""
        return self.margins(self.crops, "crops")

    def infer(self) -> TensorType:
        batch, *space, depth = self.input.type.shape
        inner = (
            max(0, size * block - sum(crop))
            for size, block, crop in zip(space, self.block, self.cropped, strict=True)
        )
        batch //= max(1, math.prod(self.block))
        return TensorType(self.input.type.dtype, (batch, *inner, depth))

    def verify(self) -> None:
        self.verify_blocks(self.crops, "crops")
        self.check(min(map(min, self.cropped)) >= 0, f"negative crops {self.cropped}")
        batch = self.input.type.shape[0]
        fits = batch % math.prod(self.block) == 0
        self.check(fits, f"a batch of {batch} in blocks of {self.block}")

    def reference(self, input: Array, block_shape: Array, crops: Array) -> Array:
        block, space = self.block, input.shape[1:-1]
        axes, made = len(block), self.result.type.shape
        order = [axes]
        for i in range(axes):
            order += [axes + 1 + i, i]
        split = input.reshape(*block, made[0], *space, input.shape[-1])
        whole = split.transpose(*order, 2 * axes + 1)
        joined = whole.reshape(
            made[0], *(s * b for s, b in zip(space, block, strict=True)), input.shape[-1]
        )
        inner = (slice(a, a + size) for (a, _), size in zip(self.cropped, made[1:-1], strict=True))
        return joined[(slice(None), *inner)]

    @classmethod
    def samples(cls) -> Iterator[BatchToSpaceND]:
        for shape, block, crops in (
            ((8, 2, 3, 5), (2, 2), ((0, 0), (0, 0))),
            ((12, 3, 2, 4), (2, 3), ((1, 0), (0, 2))),
            ((4, 3, 5), (2,), ((1, 1),)),
            ((2, 3, 4, 3), (1, 1), ((1, 1), (0, 2))),
        ):
            yield cls(
                input=runtime(*shape),
                block_shape=constant(block, "block"),
                crops=constant(np.array(crops, np.int32), "crops"),
            )
