"""Turns axes around."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import axes_of, static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.types import TensorType


class ReverseV2(Op, name="tfl.reverse_v2", tflite="REVERSE_V2"):
    """``tensor`` with the axes in ``axis`` back to front."""

    tensor: Value
    axis: Value

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes, counted from the front."""
        return axes_of(self, static_ints(self.axis, "axis"), self.tensor.type.rank)

    def infer(self) -> TensorType:
        return TensorType(self.tensor.type.dtype, self.tensor.type.shape)

    def verify(self) -> None:
        axes_of(self, self.axes, self.tensor.type.rank)

    def reference(self, tensor: Array, axis: Array) -> Array:
        return np.flip(tensor, self.axes)

    @classmethod
    def samples(cls) -> Iterator[ReverseV2]:
        for shape, axes in (
            ((1, 3, 4, 5), (2,)),
            ((2, 3, 4, 6), (0, -1)),
            ((5,), (0,)),
            ((2, 3), ()),
        ):
            data = np.array(axes, np.int32)
            at = Constant(data=data, type=TensorType("i32", data.shape), names=("axis",))
            yield cls(tensor=Value(TensorType("f32", shape), "x"), axis=at.result)
