"""Puts the conversion from an app's image, and to what an app wants, into the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tflgpuc.ir.errors import UsageError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.arg_max import ArgMax
from tflgpuc.ir.graph.ops.cast import Cast
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.dequantize import Dequantize
from tflgpuc.ir.graph.ops.mul import Mul
from tflgpuc.ir.graph.ops.pad import Pad
from tflgpuc.ir.graph.ops.quantize import Quantize
from tflgpuc.ir.graph.ops.resize_bilinear import ResizeBilinear
from tflgpuc.ir.graph.ops.resize_nearest_neighbor import ResizeNearestNeighbor
from tflgpuc.ir.graph.ops.round import Round
from tflgpuc.ir.graph.ops.strided_slice import StridedSlice
from tflgpuc.ir.graph.ops.topk_v2 import TopKV2
from tflgpuc.ir.graph.types import DTYPES, Quantization, TensorType
from tflgpuc.ir.image_formats import InputFormat, Numbers, OutputFormat
from tflgpuc.passes.rules import missing_ops

# Luma of red, green and blue (ITU-R BT.601).
GREY = (0.299, 0.587, 0.114)
BYTES = Quantization((1.0,), (0,))


def apply_formats(
    graph: Graph, inputs: Mapping[str, InputFormat], outputs: Mapping[str, OutputFormat]
) -> Graph:
    """The graph with images for some inputs and other forms of some outputs, by the model's names.

    Raises UsageError where a name isn't an input's or output's, or a format doesn't fit its type.
    """
    if not inputs and not outputs:
        return graph
    count = len(graph.outputs) - len(graph.states)
    input_names = _named(graph.input_names, graph.inputs[: len(graph.inputs) - len(graph.states)])
    output_names = _named(graph.output_names, graph.outputs[:count])
    _check_known("input", inputs, input_names)
    _check_known("output", outputs, output_names)
    new: dict[Value, Value] = {}
    given = list(graph.inputs)
    ops: list[Op] = []
    for i, name in enumerate(input_names):
        if name in inputs:
            before = image_input(name, inputs[name], graph.inputs[i].type)
            given[i] = before.inputs[0]
            new[graph.inputs[i]] = before.outputs[0]
            ops += before.ops
    for old in graph.ops:
        op = old.with_operands(new)
        new.update(zip(old.results, op.results, strict=True))
        ops.append(op)
    made: list[Value] = []
    names: list[str] = []
    for name, old_value in zip(output_names, graph.outputs, strict=False):
        value = new.get(old_value, old_value)
        after = formed(name, outputs[name], value) if name in outputs else (value,)
        placed = {*given, *(v for op in ops for v in op.results)}
        ops += missing_ops(after, placed)
        made += after
        names += output_ports(name, len(after))
    states = (new.get(v, v) for v in graph.outputs[count:])
    return replace(
        graph,
        inputs=tuple(given),
        ops=tuple(ops),
        outputs=(*made, *states),
        output_names=tuple(names),
    )


def output_ports(name: str, count: int) -> tuple[str, ...]:
    """The names of what an output became."""
    return (name, f"{name}_indices")[:count]


def listed_formats(
    graph: Graph, inputs: Mapping[str, InputFormat], outputs: Mapping[str, OutputFormat]
) -> dict[str, Any]:
    """What a manifest says of formats: their text, and the model's own types; nothing where none is."""

    def listed(
        formats: Mapping[str, InputFormat | OutputFormat],
        names: Sequence[str],
        values: Sequence[Value],
    ) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "format": str(formats[name]),
                "shape": list(value.type.shape),
                "dtype": value.type.dtype,
            }
            for name, value in zip(_named(names, values), values, strict=False)
            if name in formats
        ]

    if not inputs and not outputs:
        return {}
    return {
        "formats": {
            "inputs": listed(inputs, graph.input_names, graph.inputs),
            "outputs": listed(outputs, graph.output_names, graph.outputs),
        }
    }


def _named(names: Sequence[str], values: Sequence[Value]) -> list[str]:
    return list(names) or [v.name for v in values]


def _check_known(what: str, given: Mapping[str, object], names: Sequence[str]) -> None:
    for name in given:
        if name not in names:
            raise UsageError(f"no {what} {name!r}; there are {', '.join(map(repr, names))}")


# --- inputs ---


def image_input(name: str, format: InputFormat, type: TensorType) -> Graph:
    """From an RGBA8 image to what a model's input of ``type`` holds; raises UsageError."""
    height, width, channels = _checked(f"input {name!r}", format, type)
    w, h = format.size or (width, height)
    image = Value(TensorType("u8", (1, h, w, 4)), name)
    value = _colours(image, channels, format.order == "bgr")
    if (w, h) != (width, height):
        size = _constant(np.array([height, width], np.int32))
        how = ResizeNearestNeighbor if format.resize == "nearest" else ResizeBilinear
        value = how(input=value, size=size, half_pixel_centers=True).result
    value = _stepped(_affine(value, format.scale, format.bias), format, type)
    return Graph((image,), tuple(missing_ops([value], {image})), (value,), name="image_input")


def _checked(what: str, format: InputFormat, type: TensorType) -> tuple[int, int, int]:
    """Height, width and channels of an input that an image fits."""
    shape = type.shape
    if type.dynamic or len(shape) != 4 or shape[0] != 1 or shape[3] not in (1, 3, 4):
        raise UsageError(f"{what} is {type}: rgba8 is for [1, height, width, 1, 3 or 4]")
    _, height, width, channels = shape
    if type.dtype not in ("f32", "u8", "i8"):
        raise UsageError(f"{what} is {type.dtype}: rgba8 is for f32, u8 and i8")
    if type.quantization is not None and len(type.quantization.scale) != 1:
        raise UsageError(f"{what} has a scale a channel: rgba8 is for one")
    for option, found in (("scale", format.scale), ("bias", format.bias)):
        if len(found) not in (0, 1, channels):
            raise UsageError(f"{what}: {option} has {len(found)} numbers for {channels} channels")
    if format.order == "bgr" and channels != 3:
        raise UsageError(f"{what}: order=bgr is for 3 channels, not {channels}")
    if format.resize == "none" and format.size not in (None, (width, height)):
        raise UsageError(f"{what}: resize=none, but the model wants {width}x{height}")
    return height, width, channels


def _colours(image: Value, channels: int, turned: bool) -> Value:
    """The model's channels as floats from 0 to 255."""
    if channels != 1:
        value = _floats(image)
        return value if channels == 4 else _cut(value, 2 if turned else 0, 3, turned)
    # Each is cut from the bytes themselves: a value with several readers would be stored.
    parts = (
        Mul(lhs=_floats(_cut(image, i, 1)), rhs=_constant(np.array([weight], np.float32))).result
        for i, weight in enumerate(GREY)
    )
    red, green, blue = parts
    return Add(lhs=Add(lhs=red, rhs=green).result, rhs=blue).result


def _floats(value: Value) -> Value:
    return Cast(input=value, out_data_type="FLOAT32").result


def _cut(value: Value, first: int, count: int, turned: bool = False) -> Value:
    """Channels from ``first`` on; ``turned`` from there down to 0."""
    end = first + count
    return StridedSlice(
        input=value,
        begin=_constant(np.array([0, 0, 0, first], np.int32)),
        end=_constant(np.array([0, 0, 0, 0 if turned else end], np.int32)),
        strides=_constant(np.array([1, 1, 1, -1 if turned else 1], np.int32)),
        begin_mask=0b0111,
        end_mask=0b1111 if turned else 0b0111,
    ).result


def _affine(value: Value, scale: Numbers, bias: Numbers) -> Value:
    if scale and set(scale) != {1.0}:
        value = Mul(lhs=value, rhs=_constant(np.array(scale, np.float32))).result
    if bias and any(bias):
        value = Add(lhs=value, rhs=_constant(np.array(bias, np.float32))).result
    return value


def _stepped(value: Value, format: InputFormat, type: TensorType) -> Value:
    """Real numbers as the model's integers; bytes that nothing was asked of become its steps."""
    if type.dtype == "f32":
        return value
    name, least = ("INT8", -128) if type.dtype == "i8" else ("UINT8", 0)
    plain = not format.scale and not format.bias
    steps = type.quantization
    if steps is None:
        moved = _affine(value, (), (float(least),)) if plain else value
        return Cast(input=Round(x=moved).result, out_data_type=name).result
    if plain:
        step = steps.scale[0]
        value = _affine(value, (step,), ((least - steps.zero_point[0]) * step,))
    return Quantize(input=value, out_data_type=name, quantization=(steps,)).result


def _constant(data: Array) -> Value:
    return Constant(data=data, type=TensorType(DTYPES[data.dtype], data.shape)).result


# --- outputs ---


def formed(name: str, format: OutputFormat, value: Value) -> tuple[Value, ...]:
    """What an output becomes; raises UsageError."""
    real = _real(f"output {name!r}", value)
    match format.kind:
        case "rgba8":
            return (_image(name, format, real),)
        case "argmax":
            if not value.type.rank:
                raise UsageError(f"output {name!r} is one number: argmax is for several")
            axis = _constant(np.array(value.type.rank - 1, np.int32))
            return (ArgMax(input=real, axis=axis, output_type="INT32", names=(name,)).result,)
        case "top_k":
            if not value.type.rank or value.type.shape[-1] < format.k:
                raise UsageError(f"output {name!r} is {value.type}: it has no {format.k} greatest")
            k = _constant(np.array(format.k, np.int32))
            return TopKV2(input=real, k=k, names=output_ports(name, 2)).results
        case "f32":
            return (real,)


def output_graph(name: str, format: OutputFormat, type: TensorType) -> Graph:
    """From what a model's output of ``type`` holds to what it becomes; raises UsageError."""
    given = Value(type, name)
    made = formed(name, format, given)
    return Graph((given,), tuple(missing_ops(made, {given})), made, name="formed_output")


def _real(what: str, value: Value) -> Value:
    type = value.type
    if type.dtype == "f32":
        return value
    if type.dtype in ("i8", "u8", "i16") and type.quantization is not None:
        return Dequantize(input=value).result
    raise UsageError(f"{what} is {type}: formats are for floats and quantised numbers")


def _image(name: str, format: OutputFormat, value: Value) -> Value:
    """Red, green, blue and alpha as bytes."""
    shape = value.type.shape
    if len(shape) != 4 or shape[0] != 1 or shape[3] > 4:
        raise UsageError(
            f"output {name!r} is {value.type}: rgba8 is for [1, height, width, 1 to 4]"
        )
    channels = shape[3]
    for option, found in (("scale", format.scale), ("bias", format.bias)):
        if len(found) not in (0, 1, channels):
            raise UsageError(
                f"output {name!r}: {option} has {len(found)} numbers for {channels} channels"
            )
    if channels in (2, 3):
        widths = np.array([[0, 0], [0, 0], [0, 0], [0, 4 - channels]], np.int32)
        value = Pad(input=value, paddings=_constant(widths)).result
    scale, bias = (_rgba(n, channels) for n in (format.scale or (1.0,), format.bias or (0.0,)))
    alpha = (
        np.float32(0 if channels < 4 else scale[3]),
        np.float32(255 if channels < 4 else bias[3]),
    )
    scale[3], bias[3] = alpha
    value = Mul(lhs=value, rhs=_constant(scale)).result
    value = Add(lhs=value, rhs=_constant(bias)).result
    return Quantize(input=value, out_data_type="UINT8", quantization=(BYTES,), names=(name,)).result


def _rgba(numbers: Numbers, channels: int) -> Array:
    """A number for each of red, green, blue and alpha; grey goes to all."""
    if len(numbers) == 1:
        made = np.full(4, numbers[0], np.float32)
        if 1 < channels < 4:
            made[channels:] = 0
        return made
    return np.array([*numbers, *[0.0] * (4 - channels)], np.float32)
