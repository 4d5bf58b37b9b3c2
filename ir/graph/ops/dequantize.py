"""The real numbers that a narrow type stands for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.types import Quantization, TensorType

INTEGERS = ("i4", "i8", "u8", "i16", "i32")


class Dequantize(Op, name="tfl.dequantize", tflite="DEQUANTIZE"):
    """``input`` in f32: exactly, from f16; else ``scale * (input - zero_point)`` of its type."""

    input: Value

    def infer(self) -> TensorType:
        return TensorType("f32", self.input.type.shape)

    def verify(self) -> None:
        type = self.input.type
        self.check(type.dtype in ("f16", "f32", *INTEGERS), f"{type.dtype} stands for no numbers")
        if type.dtype in INTEGERS:
            self.check(type.quantization is not None, f"{type} has no scale")
        if type.quantization and len(type.quantization.scale) > 1:
            axis, count = type.quantization.axis, len(type.quantization.scale)
            fits = axis < type.rank and type.shape[axis] == count
            self.check(fits, f"{count} scales for axis {axis} of {type}")

    def reference(self, input: Array) -> Array:
        quantization = self.input.type.quantization
        if quantization is None or np.issubdtype(input.dtype, np.floating):
            return np.asarray(input).astype(np.float32)
        scale = np.array(quantization.scale, np.float32)
        zero = np.array(quantization.zero_point or (0,), np.int32)
        view = [1] * input.ndim
        if scale.size > 1:
            view[quantization.axis] = -1
            zero = np.resize(zero, scale.size)
        real = (input.astype(np.int32) - zero.reshape(view)).astype(np.float32)
        return np.asarray(scale.reshape(view) * real)

    @classmethod
    def samples(cls) -> Iterator[Dequantize]:
        yield cls(input=Value(TensorType("f16", (1, 2, 3, 5)), "x"))
        one = Quantization((0.5,), (-3,))
        yield cls(input=Value(TensorType("i8", (2, 3, 5), quantization=one), "x"))
        yield cls(
            input=Value(TensorType("u8", (), quantization=Quantization((0.25,), (128,))), "x")
        )
        each = Quantization((0.5, 0.25, 2.0), (0, 1, -1), 1)
        yield cls(input=Value(TensorType("i16", (2, 3, 5), quantization=each), "x"))
