"""UNSORTED_SEGMENT_MAX."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.segments import UnsortedSegments, finite_limits


class UnsortedSegmentMax(
    UnsortedSegments, name="tfl.unsorted_segment_max", tflite="UNSORTED_SEGMENT_MAX"
):
    """The greatest of each segment; that of none is the least finite number."""

    fold: ClassVar[np.ufunc] = np.maximum

    def start(self, dtype: np.dtype[np.generic]) -> float | int:
        return finite_limits(dtype)[0]
