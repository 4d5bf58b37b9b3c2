"""Ops that put elements apart: over blocks of space, or with numbers in between."""

from __future__ import annotations

import math

from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.lanewise import Reader, lanewise
from tflgpuc.backends.kernels.movement import Source, gather
from tflgpuc.backends.kernels.sliding import TRUE
from tflgpuc.backends.kernels.view import Coordinates
from tflgpuc.ir.graph.op import Op
from tflgpuc.ir.graph.ops.batch_to_space_nd import BatchToSpaceND
from tflgpuc.ir.graph.ops.space_to_batch_nd import SpaceToBatchND
from tflgpuc.ir.graph.ops.stablehlo_pad import StablehloPad
from tflgpuc.ir.graph.types import Lanes
from tflgpuc.ir.shader import Expr, call, select


def filled_lanes(op: Op, x: Lanes, *rest: Lanes) -> Lanes:
    """Padding lanes come along; what is put between elements gets in too."""
    return "finite" if x == "zero" else x


@kernel(BatchToSpaceND, lanes=lambda op, x, *rest: x, narrow=True)
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

    return gather(c, op.input, source, whole=True)


@kernel(SpaceToBatchND, lanes=filled_lanes, narrow=True)
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
    return gather(c, op.input, source, whole=True, fill=fill)


@kernel(StablehloPad, lanes=filled_lanes, any_rank=True, narrow=True)
def stablehlo_pad(op: StablehloPad, c: Context) -> Built:
    """An element of the operand, or the number around and between them."""
    amounts = list(zip(op.edge_padding_low, op.edge_padding_high, op.interior_padding, strict=True))

    def one(get: Reader, at: Coordinates) -> Expr:
        inside = TRUE
        place: list[Expr] = []
        for i, extent, amount in zip(at, op.operand.type.shape, amounts, strict=True):
            low, _, between = amount
            if not any(amount):
                place.append(i)
                continue
            index, step = i - low, between + 1
            held = (index >= 0) & (index < (extent - 1) * step + 1)
            held = held & (index % step).eq(0) if between else held
            inside = held if inside == TRUE else inside & held
            place.append(call("clamp", index // step, 0, extent - 1))
        value = get(op.operand, tuple(place))
        if inside == TRUE:
            return value
        return select(inside, value, get.only(op.padding_value, "padding"))

    whole = bool(amounts) and not any(amounts[-1])
    return lanewise(c, whole, {"operand": op.operand}, one)
