"""The same elements in another shape."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import resolve_shape, static_ints
from tflgpuc.ir.graph.op import Array, NotStatic, Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.types import TensorType


class Reshape(Op, name="tfl.reshape", tflite="RESHAPE"):
    """The elements of ``tensor`` in row-major order; one axis of the new shape may be -1.

    A constant ``shape`` operand goes before the ``new_shape`` attribute, as in TFLite.
    """

    tensor: Value
    shape: Value | None = None
    new_shape: tuple[int, ...] | None = None

    def infer(self) -> TensorType:
        if self.shape is not None and self.shape.constant is not None:
            wanted = static_ints(self.shape, "shape")
        elif self.new_shape is not None:
            # Old converters wrote a scalar's shape as (0,).
            wanted = () if self.new_shape == (0,) and self.tensor.type.size else self.new_shape
        else:
            raise NotStatic(f"{self.describe()}: shape is computed at run time")
        return TensorType(
            self.tensor.type.dtype, resolve_shape(self, tuple(wanted), self.tensor.type.size)
        )

    def verify(self) -> None:
        self.infer()

    def reference(self, tensor: Array, shape: Array | None = None) -> Array:
        return tensor.reshape(self.result.type.shape)

    @classmethod
    def samples(cls) -> Iterator[Reshape]:
        for old, new in (
            ((1, 2, 3, 4), (1, 24)),
            ((2, 3, 2, 5), (2, 2, -1, 5)),
            ((1, 2, 2, 6), (1, 4, 2, 3)),
            ((2, 7), (2, 1, 1, 7)),
            ((1,), ()),
        ):
            x = Value(TensorType("f32", old), "x")
            data = np.array(new, np.int32)
            shape = Constant(data=data, type=TensorType("i32", data.shape), names=("shape",))
            yield cls(tensor=x, shape=shape.result)
            yield cls(tensor=x, new_shape=new)
