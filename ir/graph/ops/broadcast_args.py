"""BROADCAST_ARGS."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import broadcast_shapes, static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import TensorType


class BroadcastArgs(Op, name="tfl.broadcast_args", tflite="BROADCAST_ARGS"):
    """The shape to which tensors of the shapes ``shape1`` and ``shape2`` broadcast."""

    shape1: Value
    shape2: Value

    def infer(self) -> TensorType:
        axes = max(self.shape1.type.size, self.shape2.type.size)
        return TensorType(self.shape1.type.dtype, (axes,))

    def verify(self) -> None:
        one, other = self.shape1.type, self.shape2.type
        for type in (one, other):
            fits = type.rank == 1 and type.dtype in ("i32", "i64")
            self.check(fits, f"{type} is no shape")
        self.check(one.dtype == other.dtype, f"one is {one.dtype}, the other {other.dtype}")
        if self.shape1.constant is not None and self.shape2.constant is not None:
            shapes = (static_ints(v, "shape") for v in (self.shape1, self.shape2))
            broadcast_shapes(self, *shapes)

    def reference(self, shape1: Array, shape2: Array) -> Array:
        axes = self.result.type.size
        one, other = (
            np.concatenate([np.ones(axes - len(s), s.dtype), s]) for s in (shape1, shape2)
        )
        return np.where(one == 1, other, one)

    @classmethod
    def samples(cls) -> Iterator[BroadcastArgs]:
        yield cls(shape1=constant([1, 3], "one"), shape2=constant([4, 2, 1], "other"))
        yield cls(shape1=runtime(3, name="one", dtype="i32"), shape2=constant([2, 1, 4], "other"))
