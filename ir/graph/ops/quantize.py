"""The integers that stand for real numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from tflgpuc.ir.graph.axes import dtype_of
from tflgpuc.ir.graph.elementwise import Elementwise
from tflgpuc.ir.graph.op import Array, NotStatic, Value
from tflgpuc.ir.graph.quantization import TIES, Ties, inverse, limits, rounded, rounded_expr
from tflgpuc.ir.graph.types import Quantization, TensorType
from tflgpuc.ir.shader import Expr, call, convert

INTEGERS = ("i8", "u8", "i16", "u16")


class Quantize(Elementwise, name="tfl.quantize", tflite="QUANTIZE"):
    """The integers that stand for ``input``, or, where it is quantised, for what it stands for.

    ``out_data_type`` isn't in TFLite's options, the result tensor says it; so does its
    quantisation. ``ties`` says what becomes of halves, as in ``gpu.requantize``.
    """

    narrow: ClassVar[bool] = True

    input: Value
    out_data_type: str = "INT8"
    ties: Ties = "even"

    @property
    def scaling(self) -> Quantization:
        """How the result's integers stand for real numbers."""
        if not self.quantization or self.quantization[0] is None:
            raise NotStatic("its result has no scale")
        return self.quantization[0]

    def infer(self) -> TensorType:
        return TensorType(dtype_of(self, self.out_data_type), self.input.type.shape)

    def verify(self) -> None:
        super().verify()
        given, made = self.input.type, self.infer()
        self.check(given.dtype in ("f32", *INTEGERS), f"{given.dtype} is not quantised")
        self.check(made.dtype in INTEGERS, f"nothing is quantised to {made.dtype}")
        self.check(self.ties in TIES, f"no such way of rounding: {self.ties}")
        if given.dtype != "f32":
            self.check(given.quantization is not None, f"{given} has no scale")
        for scaling in (self.scaling, given.quantization or self.scaling):
            if len(scaling.scale) != 1 or not 0 < scaling.scale[0] < float("inf"):
                raise NotStatic("it has no single positive scale")

    @property
    def _numbers(self) -> tuple[float, float, float, float, float]:
        """Zero point and factor of the operand; zero point and range of the result."""
        made = self.scaling
        low, high = limits(self.infer().dtype)
        given = self.input.type.quantization
        if self.input.type.dtype == "f32" or given is None:
            first, factor = 0.0, inverse(made.scale[0])
        else:
            first = float(given.zero_point[0])
            factor = float(np.float32(given.scale[0] / made.scale[0]))
        return first, factor, float(made.zero_point[0]), float(low), float(high)

    def expr(self, input: Expr) -> Expr:
        first, factor, zero, low, high = self._numbers
        steps = rounded_expr((convert(input, "f32") - first) * factor, self.ties)
        return convert(call("clamp", steps + zero, low, high), "i32")

    def reference(self, input: Array) -> Array:
        first, factor, zero, low, high = self._numbers
        x = np.asarray(input).astype(np.float32) - np.float32(first)
        steps = rounded(x * np.float32(factor), self.ties) + np.float32(zero)
        # What isn't a number becomes the least one.
        return np.clip(np.nan_to_num(steps, nan=low), low, high)

    def to_tflite(self) -> Mapping[str, Any]:
        return {}

    @classmethod
    def samples(cls) -> Iterator[Quantize]:
        real = Value(TensorType("f32", (1, 2, 3, 5)), "x")
        yield cls(input=real, quantization=(Quantization((0.25,), (-3,)),))
        unsigned = Quantization((0.1,), (128,))
        yield cls(input=real, out_data_type="UINT8", quantization=(unsigned,))
        yield cls(input=real, out_data_type="INT16", quantization=(Quantization((1e-4,), (0,)),))
        old = Value(TensorType("u8", (2, 7), quantization=unsigned), "x")
        yield cls(input=old, quantization=(Quantization((0.07,), (5,)),))
