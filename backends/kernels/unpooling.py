"""MediaPipe's pair of custom ops: where in its window the greatest element is, and back there."""

from __future__ import annotations

from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.pooling import LOWEST
from tflgpuc.backends.kernels.sliding import slice_grid
from tflgpuc.ir.graph.op import Op
from tflgpuc.ir.graph.ops.max_pool_argmax import MaxPoolArgmax
from tflgpuc.ir.graph.ops.max_unpooling_2d import MaxUnpooling2D
from tflgpuc.ir.graph.spatial import window
from tflgpuc.ir.graph.types import Lanes
from tflgpuc.ir.shader import F32X4, Expr, call, const, convert, select, splat


def places_lanes(op: Op, *operands: Lanes) -> Lanes:
    """Places are numbers even in padding lanes."""
    return "finite"


@kernel(MaxPoolArgmax, lanes=places_lanes)
def max_pool_argmax(op: MaxPoolArgmax, c: Context) -> Built:
    """Walks column by column over the part of the window that is inside the input."""
    k, x = c.k, c.view(op.input)
    _, in_h, in_w, _ = x.shape
    top, bottom, left, right = window(op)
    (kh, kw), (sh, sw) = op.kernel, op.stride

    place, grid = slice_grid(c, 1)
    with k.when(place.inside):
        y0 = k.let("y0", place.row * sh - top)
        x0 = k.let("x0", place.column * sw - left)
        y_first = call("max", -y0, 0) if top else const(0, y0.type)
        x_first = call("max", -x0, 0) if left else const(0, x0.type)
        y_stop = call("min", in_h - y0, kh) if bottom else const(kh, y0.type)
        x_stop = call("min", in_w - x0, kw) if right else const(kw, x0.type)
        best = k.var("best", const(LOWEST, F32X4))
        found = k.var("found", const(0.0, F32X4))
        with k.loop("kx", x_stop, x_first) as kx, k.loop("ky", y_stop, y_first) as ky:
            value = k.let("value", x.vec4(x.index(place.batch, y0 + ky, x0 + kx, place.slice)))
            better = k.let("better", value > best)
            k.assign(best, select(better, value, best))
            number = splat(convert(ky * kw + kx, "f32"), 4)
            k.assign(found, select(better, number, found))
        c.store(place.at(0), found + 0.1)
    return c.done(grid)


@kernel(MaxUnpooling2D, lanes=lambda op, x, *rest: x)
def max_unpooling_2d(op: MaxUnpooling2D, c: Context) -> Built:
    """Looks at every window that the output is in; of elements for one place the last stays."""
    k = c.k
    x, places = c.view(op.input, "src"), c.view(op.indices, "places")
    _, in_h, in_w, _ = x.shape
    kh, kw = op.filter_height, op.filter_width
    sh, sw = op.stride_h, op.stride_w
    top, left = op.crop

    place, grid = slice_grid(c, 1)
    with k.when(place.inside):
        y = k.let("y", place.row + top)
        column = k.let("x", place.column + left)
        made = k.var("made", const(0.0, F32X4))
        rows, columns = _windows(y, kh, sh, in_h), _windows(column, kw, sw, in_w)
        with k.loop("i", rows[1], rows[0]) as i, k.loop("j", columns[1], columns[0]) as j:
            index = k.let("index", x.index(place.batch, i, j, place.slice))
            wanted = k.let("wanted", (y - i * sh) * kw + (column - j * sw))
            here = convert(places.vec4(index), "i32").eq(splat(wanted, 4))
            k.assign(made, select(here, x.vec4(index), made))
        c.store(place.at(0), made)
    return c.done(grid)


def _windows(at: Expr, size: int, stride: int, count: int) -> tuple[Expr, Expr]:
    """The first window that holds a place, and the one after the last."""
    # Division rounds towards zero, so a negative number would give the first window too.
    first = call("max", at - (size - stride), 0) // stride
    stop = call("min", at // stride + 1, count)
    return first, stop
