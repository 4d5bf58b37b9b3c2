"""Adds an axis of one element."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import axis_of, static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.types import TensorType


class ExpandDims(Op, name="tfl.expand_dims", tflite="EXPAND_DIMS"):
    """``input`` with an axis more, which stands at ``axis`` in the result."""

    input: Value
    axis: Value

    def infer(self) -> TensorType:
        (axis,) = static_ints(self.axis, "axis")
        shape = list(self.input.type.shape)
        shape.insert(axis_of(self, axis, len(shape) + 1), 1)
        return TensorType(self.input.type.dtype, tuple(shape))

    def verify(self) -> None:
        self.check(self.axis.type.size == 1, f"axis is {self.axis.type}, not one number")
        self.infer()

    def reference(self, input: Array, axis: Array) -> Array:
        return input.reshape(self.result.type.shape)

    @classmethod
    def samples(cls) -> Iterator[ExpandDims]:
        for axis in (0, 1, 3, -1, -2):
            at = Constant(data=np.array(axis, np.int32), type=TensorType("i32", ()))
            yield cls(input=Value(TensorType("f32", (2, 3, 5)), "x"), axis=at.result)
