"""MediaPipe's custom op MaxUnpooling2D."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.pool_params import pack_pool, unpack_pool
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.spatial import Pair
from tflgpuc.ir.graph.types import TensorType


class MaxUnpooling2D(Op, name="tfl.max_unpooling_2d", tflite="CUSTOM:MaxUnpooling2D"):
    """Zeros with each element of ``input`` where ``indices`` says in its window.

    ``indices`` are floats as MediaPipe's MaxPoolingWithArgmax2D gives them: the whole part is
    row * filter_width + column. The result is filter times as large as the input. Of elements for
    one place the last stays, those outside are dropped. ``padding`` and the activation do nothing.
    """

    input: Value
    indices: Value
    padding: str = "SAME"
    stride_w: int = 1
    stride_h: int = 1
    filter_width: int = 1
    filter_height: int = 1

    @property
    def crop(self) -> Pair:
        """How far above and left of the result the first window starts."""
        _, h, w, _ = self.input.type.shape
        return (
            max(0, (h - 1) * self.stride_h + self.filter_height - h * self.filter_height) // 2,
            max(0, (w - 1) * self.stride_w + self.filter_width - w * self.filter_width) // 2,
        )

    def infer(self) -> TensorType:
        n, h, w, c = self.input.type.shape
        return TensorType("f32", (n, h * self.filter_height, w * self.filter_width, c))

    def verify(self) -> None:
        input, indices = self.input.type, self.indices.type
        self.check(input.rank == 4, f"input must be NHWC, not {input}")
        for type in (input, indices):
            self.check(type.dtype == "f32", f"{type.dtype} instead of f32")
        self.check(input.shape == indices.shape, f"indices are {indices} for {input}")
        sizes = (self.stride_w, self.stride_h, self.filter_width, self.filter_height)
        self.check(min(sizes) >= 1, f"strides and sizes {sizes} must be positive")

    def reference(self, input: Array, indices: Array) -> Array:
        made = np.zeros(self.result.type.shape, np.float32)
        places = indices.astype(np.int32)
        rows = np.trunc(places / self.filter_width).astype(np.int32)
        batch, y, x, channel = (np.asarray(i) for i in np.indices(input.shape))
        top, left = self.crop
        down = y * self.stride_h - top + rows
        across = x * self.stride_w - left + places - rows * self.filter_width
        inside = (down >= 0) & (down < made.shape[1]) & (across >= 0) & (across < made.shape[2])
        made[tuple(i[inside] for i in (batch, down, across, channel))] = input[inside]
        return made

    @classmethod
    def from_tflite(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        found = unpack_pool(options, "MaxUnpooling2D")
        return {k: v for k, v in found.items() if k != "fused_activation_function"}

    def to_tflite(self) -> Mapping[str, Any]:
        return pack_pool(self.attributes)

    @classmethod
    def samples(cls) -> Iterator[MaxUnpooling2D]:
        for shape, stride, filter in (
            ((1, 4, 3, 4), (2, 2), (2, 2)),
            ((2, 3, 5, 3), (3, 2), (3, 2)),
            ((1, 3, 2, 5), (1, 2), (2, 2)),
            ((1, 3, 4, 1), (3, 3), (2, 2)),
        ):
            yield cls(
                input=runtime(*shape),
                indices=runtime(*shape, name="indices"),
                stride_h=stride[0],
                stride_w=stride[1],
                filter_height=filter[0],
                filter_width=filter[1],
            )
