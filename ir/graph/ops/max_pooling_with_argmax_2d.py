"""MediaPipe's custom op MaxPoolingWithArgmax2D."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tflgpuc.ir.graph.activation import activate
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.pool_params import pack_pool, unpack_pool
from tflgpuc.ir.graph.pooling import Pooling, greatest_taps
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType


class MaxPoolingWithArgmax2D(
    Pooling, name="tfl.max_pooling_with_argmax_2d", tflite="CUSTOM:MaxPoolingWithArgmax2D"
):
    """The largest element in each window, and where in the window it is.

    The place is a float: row * filter_width + column, counted from the window's corner even where
    that lies in the padding, plus 0.1, as MediaPipe's own kernel gives it. LiteRT runs the op by
    XNNPACK, whose places are integers with a meaning of their own; so only what MaxUnpooling2D makes
    of them can be compared. Of equal elements the first counts, column by column as in XNNPACK;
    MediaPipe goes row by row.
    """

    def infer(self) -> tuple[TensorType, TensorType]:  # type: ignore[override]
        values = super().infer()
        return values, TensorType("f32", values.shape)

    def verify(self) -> None:
        super().verify()
        self.check(self.input.type.dtype == "f32", f"input is {self.input.type.dtype}")

    def reference(self, input: Array) -> tuple[Array, Array]:
        values, places = greatest_taps(self, input)
        return activate(self.fused_activation_function, values), places

    @classmethod
    def from_tflite(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        return unpack_pool(options, "MaxPoolingWithArgmax2D")

    def to_tflite(self) -> Mapping[str, Any]:
        return pack_pool(self.attributes)

    @classmethod
    def samples(cls) -> Iterator[MaxPoolingWithArgmax2D]:
        square = cls(
            input=runtime(1, 8, 6, 4), filter_height=2, filter_width=2, stride_h=2, stride_w=2
        )
        yield square
        yield replace(square, input=runtime(2, 7, 5, 3))
        yield replace(square, input=runtime(2, 7, 5, 3), filter_height=3, padding="VALID")
        yield replace(square, filter_width=3, fused_activation_function="RELU6")
