"""UNSORTED_SEGMENT_PROD."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.segments import UnsortedSegments


class UnsortedSegmentProd(
    UnsortedSegments, name="tfl.unsorted_segment_prod", tflite="UNSORTED_SEGMENT_PROD"
):
    """The product of each segment; that of none is 1."""

    fold: ClassVar[np.ufunc] = np.multiply

    def start(self, dtype: np.dtype[np.generic]) -> int:
        return 1
