"""Convolutions whose weights are computed at run time: each output element by itself."""

from __future__ import annotations

from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.elements import each_element, read
from tflgpuc.backends.kernels.view import Coordinates
from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tflgpuc.ir.graph.ops.transpose_conv import TransposeConv
from tflgpuc.ir.graph.spatial import window
from tflgpuc.ir.shader import F32, Expr, Name, const


def _start(c: Context, bias: Value | None, channel: Expr) -> Name:
    return c.k.var("acc", const(0.0, F32) if bias is None else read(c, bias, (channel,), "bias"))


def conv_2d(op: Conv2D, c: Context) -> Built:
    """Groups read their own share of the input channels."""
    k = c.k
    out, kh, kw, depth = op.filter.type.shape
    _, h, w, channels = op.input.type.shape
    top, _, left, _ = window(op)
    per_group = out // (channels // depth)

    def one(at: Coordinates) -> Expr:
        acc = _start(c, op.bias, at[3])
        first = k.let("first", at[3] // per_group * depth)
        with k.loop("ky", kh) as ky, k.loop("kx", kw) as kx:
            y = k.let("y", at[1] * op.stride_h + ky * op.dilation_h_factor - top)
            x = k.let("x", at[2] * op.stride_w + kx * op.dilation_w_factor - left)
            inside = (y >= 0) & (y < h) & (x >= 0) & (x < w)
            with k.when(inside), k.loop("i", depth) as i:
                weight = read(c, op.filter, (at[3], ky, kx, i), "filter")
                k.add(acc, read(c, op.input, (at[0], y, x, first + i)) * weight)
        return acc

    return each_element(c, one)


def depthwise_conv_2d(op: DepthwiseConv2D, c: Context) -> Built:
    """Each input channel has filters of its own."""
    k = c.k
    kh, kw = op.kernel
    _, h, w, _ = op.input.type.shape
    top, _, left, _ = window(op)

    def one(at: Coordinates) -> Expr:
        acc = _start(c, op.bias, at[3])
        with k.loop("ky", kh) as ky, k.loop("kx", kw) as kx:
            y = k.let("y", at[1] * op.stride_h + ky * op.dilation_h_factor - top)
            x = k.let("x", at[2] * op.stride_w + kx * op.dilation_w_factor - left)
            with k.when((y >= 0) & (y < h) & (x >= 0) & (x < w)):
                weight = read(c, op.filter, (const(0, ky.type), ky, kx, at[3]), "filter")
                k.add(acc, read(c, op.input, (at[0], y, x, at[3] // op.multiplier)) * weight)
        return acc

    return each_element(c, one)


def transpose_conv(op: TransposeConv, c: Context) -> Built:
    """The taps that reach an output start at its phase and are a stride apart."""
    k = c.k
    (kh, kw), (sh, sw), (top, left) = op.kernel, op.stride, op.crop
    _, h, w, depth = op.input.type.shape

    def one(at: Coordinates) -> Expr:
        acc = _start(c, op.bias, at[3])
        t, u = k.let("t", at[1] + top), k.let("u", at[2] + left)
        with k.loop("j", -(-kh // sh)) as j, k.loop("m", -(-kw // sw)) as m:
            ky, kx = k.let("ky", t % sh + j * sh), k.let("kx", u % sw + m * sw)
            y, x = k.let("y", t // sh - j), k.let("x", u // sw - m)
            inside = (ky < kh) & (kx < kw) & (y >= 0) & (y < h) & (x >= 0) & (x < w)
            with k.when(inside), k.loop("i", depth) as i:
                weight = read(c, op.weights, (at[3], ky, kx, i), "weights")
                k.add(acc, read(c, op.input, (at[0], y, x, i)) * weight)
        return acc

    return each_element(c, one)
