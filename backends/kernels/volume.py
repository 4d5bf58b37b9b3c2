"""Convolutions over depth, height and width: each output element by itself."""

from __future__ import annotations

from tflgpuc.backends.kernels.context import Context
from tflgpuc.backends.kernels.elements import element_kernel, read, unravel
from tflgpuc.backends.kernels.sliding import TRUE
from tflgpuc.backends.kernels.view import Coordinates
from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.graph.ops.conv_3d import Conv3D
from tflgpuc.ir.graph.ops.conv_3d_transpose import Conv3DTranspose
from tflgpuc.ir.graph.volume import padding
from tflgpuc.ir.shader import F32, Expr, Name, const


def _start(c: Context, bias: Value | None, channel: Expr) -> Name:
    return c.k.var("acc", const(0.0, F32) if bias is None else read(c, bias, (channel,), "bias"))


@element_kernel(Conv3D)
def conv_3d(op: Conv3D, c: Context, at: Coordinates) -> Expr:
    """Walks over the taps that fall inside the input."""
    k, extents = c.k, op.input.type.shape[1:4]
    depth = op.input.type.shape[4]
    before = [pad for pad, _ in padding(op, extents)]
    acc = _start(c, op.bias, at[4])
    with k.loop("tap", op.kernel[0] * op.kernel[1] * op.kernel[2]) as number:
        tap = unravel(k, number, op.kernel)
        place, inside = [], TRUE
        for i in range(3):
            found = at[1 + i] * op.stride[i] + tap[i] * op.dilation[i] - before[i]
            place.append(k.let(f"p{i}", found))
            inside = inside & (place[i] >= 0) & (place[i] < extents[i])
        with k.when(inside), k.loop("channel", depth) as channel:
            weight = read(c, op.filter, (*tap, channel, at[4]), "filter")
            k.add(acc, read(c, op.input, (at[0], *place, channel)) * weight)
    return acc


@element_kernel(Conv3DTranspose)
def conv_3d_transpose(op: Conv3DTranspose, c: Context, at: Coordinates) -> Expr:
    """Walks over the taps, of which those count whose input lies on the grid of the stride."""
    k, extents = c.k, op.input.type.shape[1:4]
    depth = op.input.type.shape[4]
    acc = _start(c, op.bias, at[4])
    with k.loop("tap", op.kernel[0] * op.kernel[1] * op.kernel[2]) as number:
        tap = unravel(k, number, op.kernel)
        place, inside = [], TRUE
        for i in range(3):
            reached = k.let(f"t{i}", at[1 + i] + op.crop[i] - tap[i] * op.dilation[i])
            place.append(k.let(f"p{i}", reached // op.stride[i]))
            on_grid = (reached >= 0) & (reached % op.stride[i]).eq(0)
            inside = inside & on_grid & (place[i] < extents[i])
        with k.when(inside), k.loop("channel", depth) as channel:
            weight = read(c, op.filter, (*tap, at[4], channel), "filter")
            k.add(acc, read(c, op.input, (at[0], *place, channel)) * weight)
    return acc
