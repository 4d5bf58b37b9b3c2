"""Reorders axes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import axes_of, static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.types import TensorType


class Transpose(Op, name="tfl.transpose", tflite="TRANSPOSE"):
    """Axis i of the result is axis ``perm[i]`` of ``input``."""

    input: Value
    perm: Value

    @property
    def axes(self) -> tuple[int, ...]:
        """``perm``, counted from the front."""
        return axes_of(self, static_ints(self.perm, "perm"), self.input.type.rank)

    def infer(self) -> TensorType:
        shape = tuple(self.input.type.shape[axis] for axis in self.axes)
        return TensorType(self.input.type.dtype, shape)

    def verify(self) -> None:
        self.check(len(self.axes) == self.input.type.rank, f"perm {self.axes} leaves axes out")

    def reference(self, input: Array, perm: Array) -> Array:
        return np.transpose(input, self.axes)

    @classmethod
    def samples(cls) -> Iterator[Transpose]:
        for shape, perm in (
            ((1, 3, 4, 5), (0, 2, 1, 3)),
            ((2, 3, 4, 5), (0, 3, 1, 2)),
            ((2, 3, 4, 5), (3, 2, 1, 0)),
            ((2, 3, 4), (1, 2, 0)),
            ((3, 5), (-1, 0)),
            ((4,), (0,)),
        ):
            data = np.array(perm, np.int32)
            axes = Constant(data=data, type=TensorType("i32", data.shape), names=("perm",))
            yield cls(input=Value(TensorType("f32", shape), "x"), perm=axes.result)
