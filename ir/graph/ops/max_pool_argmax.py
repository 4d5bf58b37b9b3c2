"""The second result of MediaPipe's MaxPoolingWithArgmax2D."""

from __future__ import annotations

from collections.abc import Iterator

from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.pooling import Pooling, greatest_taps
from tflgpuc.ir.graph.sampling import runtime


class MaxPoolArgmax(Pooling, name="gpu.max_pool_argmax"):
    """Where in each window the largest element is: row * filter_width + column, plus 0.1.

    Of equal ones the first counts, going through the window column by column. Rows and columns are
    counted from the window's corner, even where that lies in the padding.
    """

    def reference(self, input: Array) -> Array:
        return greatest_taps(self, input)[1]

    @classmethod
    def samples(cls) -> Iterator[MaxPoolArgmax]:
        image, odd = runtime(1, 8, 6, 4), runtime(2, 7, 5, 3)
        yield cls(input=image, filter_height=2, filter_width=2, stride_h=2, stride_w=2)
        yield cls(input=odd, filter_height=3, filter_width=3, stride_h=2, stride_w=2)
        yield cls(input=odd, filter_height=3, filter_width=2, padding="VALID", stride_w=2)
