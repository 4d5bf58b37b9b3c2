"""A tensor of one number."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.types import TensorType


class Fill(Op, name="tfl.fill", tflite="FILL"):
    """A tensor of shape ``dims`` with ``value`` everywhere."""

    dims: Value
    value: Value

    def infer(self) -> TensorType:
        return TensorType(self.value.type.dtype, static_ints(self.dims, "dims"))

    def verify(self) -> None:
        self.check(self.value.type.size == 1, f"value is {self.value.type}, not one number")
        self.check(min((0, *self.infer().shape)) >= 0, f"shape {self.infer().shape}")

    def reference(self, dims: Array, value: Array) -> Array:
        return np.full(self.result.type.shape, value.reshape(()))

    @classmethod
    def samples(cls) -> Iterator[Fill]:
        for shape in ((2, 3, 5), (1, 2, 3, 4), ()):
            data = np.array(shape, np.int32)
            dims = Constant(data=data, type=TensorType("i32", data.shape), names=("dims",))
            yield cls(dims=dims.result, value=Value(TensorType("f32", ()), "value"))
