"""RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.resize import Resize, nearest_taps


class ResizeNearestNeighbor(
    Resize, name="tfl.resize_nearest_neighbor", tflite="RESIZE_NEAREST_NEIGHBOR"
):
    """Resizes height and width, copying one source element to each position.

    The source index is floor(i * scale), floor((i + 0.5) * scale) with ``half_pixel_centers``, or
    round(i * scale) with ``align_corners``, at most in - 1.
    """

    def reference(self, input: Array, size: Array) -> Array:
        _, h, w, _ = input.shape
        height, width = (int(s) for s in size)
        mode = self.align_corners, self.half_pixel_centers
        rows = input[:, nearest_taps(h, height, *mode)]
        return rows[:, :, nearest_taps(w, width, *mode)]
