"""What rules that spell ops as others share: where theirs are registered, small values."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.passes.rules import Rules

decompositions = Rules("decompose")
canonical = Rules("canonicalize")


def ints(data: list[int]) -> Value:
    """A constant vector of i32."""
    return Constant(data=np.array(data, np.int32), type=TensorType("i32", (len(data),))).result


def reshaped(value: Value, shape: tuple[int, ...]) -> Value:
    """``value`` in another shape; itself where that is its shape."""
    if value.type.shape == shape:
        return value
    return Reshape(tensor=value, new_shape=shape, names=(value.name,)).result
