"""Convolutions of concatenations: parts that are one pixel each, repeated, are multiplied once."""

from __future__ import annotations

import dataclasses

from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.broadcast_to import BroadcastTo
from tflgpuc.ir.graph.ops.concatenation import Concatenation
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.resize_bilinear import ResizeBilinear
from tflgpuc.ir.graph.ops.resize_nearest_neighbor import ResizeNearestNeighbor
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.passes.rules import Match, Rules

split_inputs = Rules("split-inputs")


@split_inputs
def repeated_pixels_are_multiplied_once(op: Conv2D, match: Match) -> Value | None:
    """A pointwise convolution is linear: what a repeated pixel adds to it is the same everywhere."""
    joined = op.input.op
    if not isinstance(joined, Concatenation) or not match.only_use(op.input):
        return None
    if joined.fused_activation_function != "NONE" or joined.axis % 4 != 3:
        return None
    if op.kernel != (1, 1) or op.stride != (1, 1) or op.groups > 1 or op.pads is not None:
        return match.no("it isn't pointwise")
    if op.filter.constant is None or op.filter.constant.dtype.kind != "f":
        return match.no("its weights aren't plain constants")
    if op.fused_activation_function != "NONE":
        return match.no("it is activated")
    pixels = [repeated_pixel(v) for v in joined.values]
    if all(p is None for p in pixels) or all(p is not None for p in pixels):
        return match.no("no part of it is a repeated pixel, or all are")
    places = [i for i, p in enumerate(pixels) if p is None]
    rest = tuple(joined.values[i] for i in places)
    whole = rest[0] if len(rest) == 1 else dataclasses.replace(joined, values=rest).result
    total, bias = _part(op, joined, places, whole, None), op.bias
    for i, pixel in enumerate(pixels):
        if pixel is not None:
            once = _part(op, joined, [i], pixel, bias)
            total, bias = Add(lhs=total, rhs=once).result, None
    return total


def repeated_pixel(value: Value) -> Value | None:
    """The picture of one pixel that a value repeats along height and width; else None."""
    op = value.op
    if not isinstance(op, ResizeBilinear | ResizeNearestNeighbor | BroadcastTo):
        return None
    given, made = op.input.type, value.type
    once = given.rank == 4 and given.shape[1:3] == (1, 1) and made.shape[1:3] != (1, 1)
    return op.input if once and given.shape[3] == made.shape[3] else None


def _part(
    op: Conv2D, joined: Concatenation, places: list[int], given: Value, bias: Value | None
) -> Value:
    """The convolution of the concatenated values at these places, which ``given`` holds."""
    data = op.filter.static("filter")
    first = 0
    kept: list[int] = []
    for i, value in enumerate(joined.values):
        channels = value.type.shape[3]
        kept += range(first, first + channels) if i in places else ()
        first += channels
    taken = data[..., kept]
    filter = Constant(data=taken, type=TensorType(op.filter.type.dtype, taken.shape)).result
    return dataclasses.replace(op, input=given, filter=filter, bias=bias, names=()).result
