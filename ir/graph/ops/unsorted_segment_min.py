"""UNSORTED_SEGMENT_MIN."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.segments import UnsortedSegments, finite_limits


class UnsortedSegmentMin(
    UnsortedSegments, name="tfl.unsorted_segment_min", tflite="UNSORTED_SEGMENT_MIN"
):
    """The least of each segment; that of none is the greatest finite number."""

    fold: ClassVar[np.ufunc] = np.minimum

    def start(self, dtype: np.dtype[np.generic]) -> float | int:
        return finite_limits(dtype)[1]
