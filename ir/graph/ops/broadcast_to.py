"""Repeats axes of one element."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import broadcast_shapes, static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.types import TensorType


class BroadcastTo(Op, name="tfl.broadcast_to", tflite="BROADCAST_TO"):
    """``input`` in ``shape``, to which it broadcasts."""

    input: Value
    shape: Value

    def infer(self) -> TensorType:
        return TensorType(self.input.type.dtype, static_ints(self.shape, "shape"))

    def verify(self) -> None:
        given, wanted = self.input.type.shape, self.infer().shape
        fits = broadcast_shapes(self, given, wanted) == wanted
        self.check(fits, f"{given} does not broadcast to {wanted}")

    def reference(self, input: Array, shape: Array) -> Array:
        return np.broadcast_to(input, self.result.type.shape)

    @classmethod
    def samples(cls) -> Iterator[BroadcastTo]:
        for old, new in (
            ((1, 1, 1, 5), (2, 3, 2, 5)),
            ((2, 3, 1, 1), (2, 3, 2, 6)),
            ((3, 1), (2, 3, 4)),
            ((), (3,)),
        ):
            data = np.array(new, np.int32)
            shape = Constant(data=data, type=TensorType("i32", data.shape), names=("shape",))
            yield cls(input=Value(TensorType("f32", old), "x"), shape=shape.result)
