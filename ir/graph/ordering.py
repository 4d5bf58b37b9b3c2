"""The order of elements in which TOPK_V2 gives them."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.op import Array


def descending(array: Array, count: int) -> Array:
    """Indices of the ``count`` greatest elements of each row; the first of equal ones comes first.

    NaNs come after everything else, which is what TFLite's heap does with a few of them.
    """
    if np.issubdtype(array.dtype, np.floating):
        array = np.where(np.isnan(array), -np.inf, array)
    backwards = np.argsort(array[..., ::-1], axis=-1, kind="stable")[..., ::-1]
    indices = array.shape[-1] - 1 - backwards[..., :count]
    return np.asarray(indices, np.int32)
