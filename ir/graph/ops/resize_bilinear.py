"""RESIZE_BILINEAR."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.resize import Resize, linear_taps


class ResizeBilinear(Resize, name="tfl.resize_bilinear", tflite="RESIZE_BILINEAR"):
    """Resizes height and width, mixing the four source elements around each position.

    Positions are i * scale, or (i + 0.5) * scale - 0.5 with ``half_pixel_centers``, clamped to the
    input; scale is in / out, or (in - 1) / (out - 1) with ``align_corners``.
    """

    def reference(self, input: Array, size: Array) -> Array:
        _, h, w, _ = input.shape
        height, width = (int(s) for s in size)
        mode = self.align_corners, self.half_pixel_centers
        top, bottom, down = linear_taps(h, height, *mode)
        left, right, across = linear_taps(w, width, *mode)
        down, across = down[:, None, None], across[:, None]
        rows = input[:, top] * (1 - down) + input[:, bottom] * down
        made = rows[:, :, left] * (1 - across) + rows[:, :, right] * across
        return np.asarray(made, input.dtype)
