"""The real numbers that a narrow type stands for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np

from tflgpuc.ir.errors import UnsupportedError
from tflgpuc.ir.graph.elementwise import Elementwise
from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.quantization import per_axis, spread
from tflgpuc.ir.graph.types import Lanes, Quantization, TensorType
from tflgpuc.ir.shader import Expr, convert

INTEGERS = ("i4", "i8", "u8", "i16", "u16", "i32", "i64")


class Dequantize(Elementwise, name="tfl.dequantize", tflite="DEQUANTIZE"):
    """``input`` in f32: exactly, from f16; else ``scale * (input - zero_point)`` of its type.

    No kernel computes it where there is a scale for each index of an axis; that of a constant folds.
    """

    narrow: ClassVar[bool] = True

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
            fits = 0 <= axis < type.rank and type.shape[axis] == count
            self.check(fits, f"{count} scales for axis {axis} of {type}")

    def expr(self, input: Expr) -> Expr:
        quantization = self.input.type.quantization
        if self.input.type.dtype not in INTEGERS or quantization is None:
            return input
        if per_axis(quantization):
            raise UnsupportedError(f"{self.describe()}: more than one scale")
        steps = convert(input, "f32") - float(quantization.zero_point[0])
        return steps * quantization.scale[0]

    def reference(self, input: Array) -> Array:
        quantization = self.input.type.quantization
        if quantization is None or np.issubdtype(input.dtype, np.floating):
            return np.asarray(input).astype(np.float32)
        scale, zero = spread(quantization, input.ndim)
        return np.asarray(scale * (input.astype(np.int64) - zero).astype(np.float32))

    def padding_lanes(self, *lanes: Lanes) -> Lanes:
        if per_axis(self.input.type.quantization):
            return "any"
        return super().padding_lanes(*lanes)

    @classmethod
    def samples(cls) -> Iterator[Dequantize]:
        yield cls(input=Value(TensorType("f16", (1, 2, 3, 5)), "x"))
        one = TensorType("i8", (2, 3, 5), quantization=Quantization((0.5,), (-3,)))
        yield cls(input=Value(one, "x"))
        yield cls(input=Value(replace(one, dtype="i16", shape=(1, 2, 3, 4)), "x"))
        yield cls(
            input=Value(TensorType("u8", (), quantization=Quantization((0.25,), (128,))), "x")
        )
