"""Slices, concatenations, transpositions and resizes that cancel, join, or move next to nothing."""

from __future__ import annotations

import dataclasses

from tflgpuc.ir.graph.elementwise import Binary, Unary
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.broadcast_to import BroadcastTo
from tflgpuc.ir.graph.ops.concatenation import Concatenation
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.ops.resize_bilinear import ResizeBilinear
from tflgpuc.ir.graph.ops.resize_nearest_neighbor import ResizeNearestNeighbor
from tflgpuc.ir.graph.ops.slice import Slice
from tflgpuc.ir.graph.ops.strided_slice import StridedSlice
from tflgpuc.ir.graph.ops.transpose import Transpose
from tflgpuc.passes.rules import Match
from tflgpuc.passes.spelling import canonical, ints, reshaped


@canonical
def transpose_of_transpose(op: Transpose, match: Match) -> Value | None:
    """Two transpositions are one, and one that moves only axes of 1 is a reshape."""
    axes, shape = op.axes, op.input.type.shape
    inner = op.input.op
    if isinstance(inner, Transpose):
        both = ints([inner.axes[a] for a in axes])
        return Transpose(
            input=inner.input, perm=both, names=op.names, quantization=op.quantization
        ).result
    real = [a for a in axes if shape[a] != 1]
    if real == sorted(real) and op.input.type.quantization is None:
        return reshaped(op.input, op.result.type.shape)
    return None


@canonical
def transposed_there_and_back(op: Transpose, match: Match) -> Value | None:
    """Elementwise ops between a transposition and its inverse work without either."""
    between: list[Unary] = []
    value = op.input
    while isinstance(value.op, Unary) and match.only_use(value):
        between.insert(0, value.op)
        value = value.op.x
    inner = value.op
    if not between or not isinstance(inner, Transpose):
        return None
    if [inner.axes[a] for a in op.axes] != list(range(len(op.axes))):
        return match.no("the transpositions aren't inverse")
    return _through(between, inner.input)


@canonical
def reshaped_there_and_back(op: Reshape, match: Match) -> Value | None:
    """Elementwise ops between a reshape and its inverse work without either."""
    between: list[Unary] = []
    value = op.tensor
    while isinstance(value.op, Unary) and match.only_use(value):
        between.insert(0, value.op)
        value = value.op.x
    inner = value.op
    if not between or not isinstance(inner, Reshape):
        return None
    if inner.tensor.type.shape != op.result.type.shape:
        return match.no("the reshapes aren't inverse")
    return _through(between, inner.tensor)


def _through(ops: list[Unary], value: Value) -> Value:
    for op in ops:
        value = dataclasses.replace(op, x=value).result
    return value


def bounds(op: Slice) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """First elements and extents of a slice."""
    return op.starts, op.result.type.shape


@canonical
def slice_of_slice(op: Slice, match: Match) -> Value | None:
    """A slice of a slice is one."""
    inner = op.input.op
    if not isinstance(inner, Slice):
        return None
    starts = [a + b for a, b in zip(op.starts, inner.starts, strict=True)]
    return _slice(inner.input, starts, op)


@canonical
def slice_of_concatenation(op: Slice, match: Match) -> Value | None:
    """A slice that lies in one part of a concatenation is a slice of that part."""
    inner = op.input.op
    if not isinstance(inner, Concatenation) or inner.fused_activation_function != "NONE":
        return None
    axis = inner.axis % op.input.type.rank
    first, extent = op.starts[axis], op.result.type.shape[axis]
    for part in inner.values:
        length = part.type.shape[axis]
        if 0 <= first and first + extent <= length:
            starts = [first if a == axis else s for a, s in enumerate(op.starts)]
            return _slice(part, starts, op)
        first -= length
    return match.no("it takes of several parts")


def _slice(value: Value, starts: list[int], op: Slice) -> Value:
    size = ints(list(op.result.type.shape))
    return Slice(
        input=value, begin=ints(starts), size=size, names=op.names, quantization=op.quantization
    ).result


@canonical
def plain_steps_are_a_slice(op: StridedSlice, match: Match) -> Value | None:
    """A strided slice with steps of 1 that keeps every axis is a slice."""
    if op.ellipsis_mask | op.new_axis_mask | op.shrink_axis_mask:
        return None
    ranges = op.index
    if any(not isinstance(r, range) or r.step != 1 for r in ranges):
        return match.no("it takes steps, or drops axes")
    starts = [r.start for r in ranges if isinstance(r, range)]
    starts += [0] * (op.input.type.rank - len(starts))
    size = ints(list(op.result.type.shape))
    return Slice(
        input=op.input, begin=ints(starts), size=size, names=op.names, quantization=op.quantization
    ).result


@canonical
def concatenation_of_concatenations(op: Concatenation, match: Match) -> Value | None:
    """A part that is a concatenation along the same axis gives its own parts."""
    rank = op.result.type.rank
    parts: list[Value] = []
    for value in op.values:
        inner = value.op
        if (
            isinstance(inner, Concatenation)
            and inner.axis % rank == op.axis % rank
            and inner.fused_activation_function == "NONE"
            and inner.result.type.quantization == op.result.type.quantization
            and match.only_use(value)
        ):
            parts += inner.values
        else:
            parts.append(value)
    if len(parts) == len(op.values):
        return None
    return dataclasses.replace(op, values=tuple(parts)).result


@canonical
def concatenation_of_neighbours(op: Concatenation, match: Match) -> Value | None:
    """Slices that follow one another in one tensor are one slice of it."""
    if op.fused_activation_function != "NONE":
        return None
    axis = op.axis % op.result.type.rank
    parts: list[Value] = []
    for value in op.values:
        joined = _neighbours(parts[-1], value, axis) if parts else None
        parts[-1:] = [joined] if joined else [*parts[-1:], value]
    if len(parts) == len(op.values):
        return None
    return parts[0] if len(parts) == 1 else dataclasses.replace(op, values=tuple(parts)).result


def _neighbours(left: Value, right: Value, axis: int) -> Value | None:
    """One slice for two that meet along an axis; None where they don't."""
    a, b = left.op, right.op
    if not isinstance(a, Slice) or not isinstance(b, Slice) or a.input is not b.input:
        return None
    follows = [x + (e if i == axis else 0) for i, (x, e) in enumerate(zip(*bounds(a), strict=True))]
    if follows != list(b.starts):
        return None
    extent = [
        x + (y if i == axis else 0)
        for i, (x, y) in enumerate(zip(left.type.shape, right.type.shape, strict=True))
    ]
    return Slice(input=a.input, begin=ints(list(a.starts)), size=ints(extent)).result


@canonical
def arithmetic_broadcasts(op: Binary, match: Match) -> Op | None:
    """Elementwise ops broadcast by themselves, as long as another operand has the result's shape.

    A picture of one pixel that is resized is broadcast, too.
    """
    for field, other in (("lhs", op.rhs), ("rhs", op.lhs)):
        inner = getattr(op, field).op
        pixel = isinstance(inner, ResizeBilinear | ResizeNearestNeighbor)
        pixel = pixel and inner.input.type.shape[1:3] == (1, 1)
        if not pixel and not isinstance(inner, BroadcastTo):
            continue
        if other.type.shape == op.result.type.shape:
            return dataclasses.replace(op, **{field: inner.input})
    return None
