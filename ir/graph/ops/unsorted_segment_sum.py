"""UNSORTED_SEGMENT_SUM."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.segments import UnsortedSegments


class UnsortedSegmentSum(
    UnsortedSegments, name="tfl.unsorted_segment_sum", tflite="UNSORTED_SEGMENT_SUM"
):
    """The sum of each segment; that of none is 0."""

    fold: ClassVar[np.ufunc] = np.add

    def start(self, dtype: np.dtype[np.generic]) -> int:
        return 0
