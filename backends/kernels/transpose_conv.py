"""Transposed convolutions, gathered: each output sums the inputs whose stamp covers it."""

from __future__ import annotations

import numpy as np

from tflgpuc.backends.kernels import runtime_weights
from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.sliding import slice_grid
from tflgpuc.backends.kernels.sums import (
    bias_data,
    constant_weights,
    multiply_add,
    weight_rows,
    zero_lanes,
)
from tflgpuc.ir.graph.ops.transpose_conv import TransposeConv
from tflgpuc.ir.shader import Expr


@kernel(TransposeConv, lanes=zero_lanes, row_major=True)
def transpose_conv(op: TransposeConv, c: Context) -> Built:
    """Along each axis the taps of an output start at its phase and are a stride apart.

    Output ``y`` gets input ``(y + crop - ky) / stride`` for every tap ``ky`` that divides evenly: with
    ``t = y + crop``, taps ``t % stride + j * stride`` and inputs ``t / stride - j``.
    """
    if not constant_weights(op):
        return runtime_weights.transpose_conv(op, c)
    k = c.k
    x = c.view(op.input)
    (kh, kw), (sh, sw), (top, left) = op.kernel, op.stride, op.crop
    channels = c.output.shape[3]
    filter = np.asarray(op.weights.static("weights"), np.float32)
    weights = c.constants.add(weight_rows(filter, c.output.slices))
    biases = c.constants.channels(bias_data(op.bias), channels)

    place, grid = slice_grid(c, 1)
    with k.when(place.inside):
        acc = k.var("acc", biases(place.slice))
        t = k.let("t", place.row + top)
        u = k.let("u", place.column + left)
        with k.loop("j", -(-kh // sh)) as j:
            ky = k.let("ky", t % sh + j * sh)
            y = k.let("y", t // sh - j)
            with k.when(_covered(ky, kh, y, x.shape[1])), k.loop("i", -(-kw // sw)) as i:
                kx = k.let("kx", u % sw + i * sw)
                at = k.let("x", u // sw - i)
                with k.when(_covered(kx, kw, at, x.shape[2])), k.loop("s", x.slices) as s:
                    value = k.let("value", x.read_clean(place.batch, y, at, s))
                    tap = ((place.slice * kh + ky) * kw + kx) * x.slices + s
                    rows = [
                        k.let(f"w{n}", c.constants.row(tap * 4 + (weights + n)))
                        for n in range(min(4, x.shape[3]))
                    ]
                    k.add(acc, multiply_add(value, rows))
        c.store(place.at(0), acc)
    return c.done(grid)


def _covered(tap: Expr, taps: int, source: Expr, extent: int) -> Expr:
    return (tap < taps) & (source >= 0) & (source < extent)
