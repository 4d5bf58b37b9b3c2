"""Pooling: windows folded slice by slice; padding is never part of a window."""

from __future__ import annotations

from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.computed import inline
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.sliding import slice_grid
from tflgpuc.backends.kernels.view import At
from tflgpuc.ir.graph.ops.average_pool_2d import AveragePool2D
from tflgpuc.ir.graph.ops.l2_pool_2d import L2Pool2D
from tflgpuc.ir.graph.ops.max_pool_2d import MaxPool2D
from tflgpuc.ir.graph.pooling import Pooling
from tflgpuc.ir.graph.spatial import window
from tflgpuc.ir.graph.types import Lanes
from tflgpuc.ir.shader import F32X4, Expr, call, const, convert, splat

LOWEST = -3.4028234663852886e38


def same_lanes(op: object, x: Lanes, *rest: Lanes) -> Lanes:
    """Padding lanes stay what they are."""
    return x


@kernel(AveragePool2D, MaxPool2D, L2Pool2D, lanes=same_lanes, row_major=True)
def pooling(op: Pooling, c: Context) -> Built:
    """One invocation a result."""
    place, grid = slice_grid(c, 1)
    with c.k.when(place.inside):
        at = place.at(0)
        c.store(at, pooled(op, c, at))
    return c.done(grid)


def pooled(op: Pooling, c: Context, at: At) -> Expr:
    """The window is cut to the input first, so that every element in it counts."""
    k = c.k
    x = c.view(op.input)
    _, in_h, in_w, _ = x.shape
    top, bottom, left, right = window(op)
    (kh, kw), (sh, sw) = op.kernel, op.stride
    largest = isinstance(op, MaxPool2D)
    y0 = k.let("y0", at.row * sh - top)
    x0 = k.let("x0", at.column * sw - left)
    y_first = call("max", -y0, 0) if top else const(0, y0.type)
    x_first = call("max", -x0, 0) if left else const(0, x0.type)
    y_stop = call("min", in_h - y0, kh) if bottom else const(kh, y0.type)
    x_stop = call("min", in_w - x0, kw) if right else const(kw, x0.type)
    acc = k.var("acc", const(LOWEST if largest else 0.0, F32X4))
    with k.loop("ky", y_stop, y_first) as ky, k.loop("kx", x_stop, x_first) as kx:
        value = k.let("value", x.load(at.batch, y0 + ky, x0 + kx, at.slice))
        if largest:
            k.assign(acc, call("max", acc, value))
        else:
            k.add(acc, value * value if isinstance(op, L2Pool2D) else value)
    return _finished(op, acc, (y_stop - y_first) * (x_stop - x_first))


inline(AveragePool2D, MaxPool2D, L2Pool2D, vector=pooled, lanes=same_lanes)


def _finished(op: Pooling, acc: Expr, count: Expr) -> Expr:
    if isinstance(op, MaxPool2D):
        return acc
    mean = acc / splat(convert(count, "f32"), 4)
    return call("sqrt", mean) if isinstance(op, L2Pool2D) else mean
