"""Ops that put elements apart: over blocks of space, or with numbers in between."""

from __future__ import annotations

import math

from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.lanewise import Reader, lanewise
from tflgpuc.backends.kernels.movement import Move, Source, gather, moved_lanes
from tflgpuc.backends.kernels.sliding import TRUE
from tflgpuc.backends.kernels.view import Coordinates
from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.graph.ops.batch_to_space_nd import BatchToSpaceND
from tflgpuc.ir.graph.ops.padv2 import Padv2
from tflgpuc.ir.graph.ops.space_to_batch_nd import SpaceToBatchND
from tflgpuc.ir.graph.ops.stablehlo_pad import StablehloPad
from tflgpuc.ir.graph.spatial import Pair
from tflgpuc.ir.graph.types import Lanes
from tflgpuc.ir.shader import Expr, call, select


def filled_lanes(op: Padv2 | StablehloPad, x: Lanes, *rest: Lanes) -> Lanes:
    """Padding lanes come along; a number other than 0 gets in too."""
    value = op.constant_values if isinstance(op, Padv2) else op.padding_value
    fill = value.constant
    return x if fill is not None and not fill.any() else "any"


@kernel(BatchToSpaceND, lanes=moved_lanes, narrow=True)
def batch_to_space_nd(op: BatchToSpaceND, c: Context) -> Built:
    """Where an element is in its block says in which part of the batch it was."""
    images = op.result.type.shape[0]

    def source(at: Coordinates) -> Source:
        part: Expr | None = None
        space: list[Expr] = []
        for index, block, (before, _) in zip(at[1:-1], op.block, op.cropped, strict=True):
            whole = index + before
            space.append(whole // block)
            inner = whole % block
            part = inner if part is None else part * block + inner
        assert part is not None
        return Source((part * images + at[0], *space, at[-1]))

    return gather(c, Move(op.input, source, whole=True))


@kernel(SpaceToBatchND, lanes=moved_lanes, narrow=True)
def space_to_batch_nd(op: SpaceToBatchND, c: Context) -> Built:
    """Which part of the batch an entry is in says where in a block its elements were."""
    images, *extents, _ = op.input.type.shape
    quantization = op.input.type.quantization

    def source(at: Coordinates) -> Source:
        part, inside = at[0] // images, TRUE
        space: list[Expr] = []
        for axis, (block, pads) in enumerate(zip(op.block, op.padded, strict=True)):
            inner = part // math.prod(op.block[axis + 1 :]) % block
            index = at[1 + axis] * block + inner - pads[0]
            if max(pads) > 0:
                held = (index >= 0) & (index < extents[axis])
                inside = held if inside == TRUE else inside & held
                index = call("clamp", index, 0, extents[axis] - 1)
            space.append(index)
        return Source((at[0] % images, *space, at[-1]), inside)

    fill = quantization.zero_point[0] if quantization else 0
    return gather(c, Move(op.input, source, whole=True, fill=fill))


@kernel(Padv2, lanes=filled_lanes, any_rank=True, narrow=True)
def padv2(op: Padv2, c: Context) -> Built:
    """The input amid a border of one number."""
    amounts = [(before, 0) for before, _ in op.widths]
    return _spread(c, op.input, op.constant_values, amounts)


@kernel(StablehloPad, lanes=filled_lanes, any_rank=True, narrow=True)
def stablehlo_pad(op: StablehloPad, c: Context) -> Built:
    """The operand with one number around and between its elements."""
    amounts = list(zip(op.edge_padding_low, op.interior_padding, strict=True))
    return _spread(c, op.operand, op.padding_value, amounts)


def _spread(c: Context, value: Value, fill: Value, amounts: list[Pair]) -> Built:
    """The elements of a value, or a number; ``amounts`` before and between them, by axis."""
    shape, made = value.type.shape, c.output.dims

    def one(get: Reader, at: Coordinates) -> Expr:
        inside = TRUE
        place: list[Expr] = []
        for i, extent, size, (before, between) in zip(at, shape, made, amounts, strict=True):
            if (size, before, between) == (extent, 0, 0):
                place.append(i)
                continue
            index, step = i - before, between + 1
            held = (index >= 0) & (index < (extent - 1) * step + 1)
            held = held & (index % step).eq(0) if between else held
            inside = held if inside == TRUE else inside & held
            place.append(call("clamp", index // step, 0, extent - 1))
        found = get(value, tuple(place))
        return found if inside == TRUE else select(inside, found, get.only(fill, "fill"))

    whole = bool(shape) and made[-1] == shape[-1] and not any(amounts[-1])
    return lanewise(c, whole, {"src": value}, one)
