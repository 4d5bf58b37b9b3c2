"""TFLite's fused activations in NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tflgpuc.ir.graph.op import Array

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "NONE": lambda x: x,
    "RELU": lambda x: np.maximum(x, 0),
    "RELU_N1_TO_1": lambda x: np.clip(x, -1, 1),
    "RELU6": lambda x: np.clip(x, 0, 6),
    "TANH": np.tanh,
    "SIGN_BIT": np.signbit,
}


def activate(name: str, array: Array) -> Array:
    """``array`` after the fused activation ``name``, in the same element type."""
    return ACTIVATIONS[name](array).astype(array.dtype, copy=False)
