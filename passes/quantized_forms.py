"""The forms that a quantised value has while a graph is rewritten: integers, steps, real numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from tflgpuc.ir.graph.axes import TFLITE_DTYPES
from tflgpuc.ir.graph.op import Array, NotStatic, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.dequantize import Dequantize
from tflgpuc.ir.graph.ops.mul import Mul
from tflgpuc.ir.graph.ops.quantize import Quantize
from tflgpuc.ir.graph.ops.requantize import Requantize
from tflgpuc.ir.graph.quantization import inverse, limits, per_axis
from tflgpuc.ir.graph.types import DType, Quantization, TensorType

DTYPES: tuple[DType, ...] = ("i8", "u8", "i16")
NAMES = {dtype: name for name, dtype in TFLITE_DTYPES.items()}


def is_quantised(type: TensorType) -> bool:
    """Whether its integers stand for real numbers."""
    q = type.quantization
    if q is None or type.dtype not in (*DTYPES, "i4") or not q.scale:
        return False
    return all(0 < scale < float("inf") for scale in q.scale)


def scaling(type: TensorType) -> Quantization:
    """The quantisation of a type that has one scale; raises NotStatic for others."""
    q = type.quantization
    if type.dtype not in DTYPES or not is_quantised(type) or q is None or per_axis(q):
        raise NotStatic(f"{type} has no single scale")
    low, high = limits(type.dtype)
    if not low <= q.zero_point[0] <= high:
        raise NotStatic(f"zero point {q.zero_point[0]} is no {type.dtype}")
    return q


def scale_of(value: Value) -> float:
    """A quantised value's only scale; raises NotStatic where there are more."""
    return scaling(value.type).scale[0]


def same_scaling(values: Iterable[Value]) -> bool:
    """Whether all of them are quantised, to one type, with one and the same scale."""
    kinds = set()
    for value in values:
        q = value.type.quantization
        if q is None or not is_quantised(value.type) or per_axis(q):
            return False
        kinds.add((value.type.dtype, q.scale, q.zero_point))
    return len(kinds) == 1


def real_constant(data: Array | float, *names: str) -> Value:
    """A constant of f32."""
    array = np.asarray(data, np.float32)
    return Constant(data=array, type=TensorType("f32", array.shape), names=names).result


def times(value: Value, factor: float, *names: str) -> Value:
    """``value`` times a number; itself times 1."""
    if factor == 1:
        return value
    return Mul(lhs=value, rhs=real_constant(factor), names=names).result


class Forms:
    """What stands for each value of the old graph.

    A quantised value is there as integers (``raw``), as ``steps`` (q - zero_point, whole numbers in
    f32), or as ``real`` numbers (scale * steps); others have a raw form only. Sums and products of
    steps are exact in f32 as long as they stay below 2**24, so kernels compute what TFLite's integer
    kernels do. Conversions are made when asked for, once.
    """

    def __init__(self) -> None:
        self._raw: dict[Value, Value] = {}
        self._steps: dict[Value, Value] = {}
        self._real: dict[Value, Value] = {}
        self._weights: dict[Value, Value] = {}

    def define(self, old: Iterable[Value], new: Iterable[Value]) -> None:
        """Learns what stands for an op's results: steps where a quantised one is f32."""
        for was, now in zip(old, new, strict=True):
            steps = is_quantised(was.type) and now.type.dtype == "f32"
            (self._steps if steps else self._raw)[was] = now

    def is_moved(self, value: Value) -> bool:
        """Whether the value is there as steps already."""
        return value in self._steps

    def raw(self, value: Value) -> Value:
        """The value in its own type."""
        if value not in self._raw and value in self._steps:
            self._raw[value] = Quantize(
                input=self.real(value),
                out_data_type=NAMES[value.type.dtype],
                quantization=(scaling(value.type),),
                names=(value.name,),
            ).result
        return self._raw.get(value, value)

    def steps(self, value: Value) -> Value:
        """The value's steps; raises NotStatic where it has several scales."""
        if value not in self._steps:
            given, scale = self.raw(value), scale_of(value)
            if given.constant is not None:
                centred = given.constant.astype(np.float32) - scaling(value.type).zero_point[0]
                self._steps[value] = real_constant(centred, value.name)
            else:
                low, high = centred_limits(value.type)
                self._steps[value] = Requantize(
                    x=Dequantize(input=given).result,
                    factor=real_constant(inverse(scale)),
                    low=low,
                    high=high,
                ).result
        return self._steps[value]

    def real(self, value: Value) -> Value:
        """The real numbers that the value stands for; itself where it isn't quantised."""
        if not is_quantised(value.type):
            return self.raw(value)
        if value not in self._real:
            given, scale = self.raw(value) if not self.is_moved(value) else value, scale_of(value)
            if not self.is_moved(value) and given.constant is None:
                self._real[value] = Dequantize(input=given).result
            elif given.constant is not None:
                data = self.steps(value).static("a constant")
                self._real[value] = real_constant(data * np.float32(scale), value.name)
            else:
                self._real[value] = times(self.steps(value), scale)
        return self._real[value]

    def weights(self, value: Value) -> Value:
        """The steps of a filter or matrix; a constant is kept quantised, and then converted.

        It may have a scale an index of some axis, but has to have one zero point.
        """
        given = self.raw(value)
        q = value.type.quantization
        if given.constant is None or q is None:
            return self.steps(value)
        if value not in self._weights:
            if len(set(q.zero_point)) > 1:
                raise NotStatic(f"{value.type} has several zero points")
            packed = unpacked(given)
            centred = replace(packed.type, quantization=Quantization((1.0,), q.zero_point[:1]))
            assert packed.constant is not None
            kept = Constant(data=packed.constant, type=centred, names=(value.name,))
            self._weights[value] = Dequantize(input=kept.result, names=(value.name,)).result
        return self._weights[value]


def centred_limits(type: TensorType) -> tuple[int, int]:
    """The least and the greatest step of a quantised type."""
    zero = scaling(type).zero_point[0]
    low, high = limits(type.dtype)
    return low - zero, high - zero


def unpacked(value: Value) -> Value:
    """A constant of i4 as one of i8; others as they are."""
    data = value.constant
    if data is None or value.type.dtype != "i4":
        return value
    if data.size < (value.type.size + 1) // 2:
        raise NotStatic(f"{data.size} bytes of {value.type}")
    pairs = np.stack([data << 4, data & 0xF0], -1).ravel()[: value.type.size]
    spelt = (pairs.view(np.int8) >> 4).reshape(value.type.shape)
    made = Constant(data=spelt, type=replace(value.type, dtype="i8"), names=(value.name,))
    return made.result
