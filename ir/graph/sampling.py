"""What ops build their ``samples()`` from: run-time inputs and constants with reproducible data."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.types import DTYPES, DType, TensorType


def runtime(*shape: int, name: str = "input", dtype: DType = "f32") -> Value:
    """A value that is known only when the model runs."""
    return Value(TensorType(dtype, shape), name)


def constant(data: Array | Sequence[int] | int, name: str = "") -> Value:
    """A constant holding ``data``; plain ints become i32, as TFLite's shapes and axes are."""
    array = data if isinstance(data, np.ndarray) else np.array(data, np.int32)
    made = Constant(data=array, type=TensorType(DTYPES[array.dtype], array.shape), names=(name,))
    return made.result


def weights(*shape: int, name: str = "weights") -> Value:
    """A constant of f32 values around 0, the same ones for the same shape."""
    drawn = np.random.default_rng(math.prod(shape)).standard_normal(shape)
    return constant(drawn.astype(np.float32), name)
