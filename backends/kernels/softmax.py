"""Softmax over channels, one invocation a pixel."""

from __future__ import annotations

from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.reduce import LARGEST, Fold
from tflgpuc.ir.graph.ops.log_softmax import LogSoftmax
from tflgpuc.ir.graph.ops.softmax import Softmax
from tflgpuc.ir.shader import F32, F32X4, call, const


@kernel(Softmax, LogSoftmax, row_major=True)
def softmax(op: Softmax | LogSoftmax, c: Context) -> Built:
    """Three walks over the channels: the largest, the sum of exponentials, the results."""
    k = c.k
    x = c.view(op.input)
    n, h, w, _ = c.output.shape
    beta = op.beta if isinstance(op, Softmax) else 1.0
    column, row = k.let("column", k.gid(0)), k.let("row", k.gid(1))
    batch = k.let("batch", k.gid(2))
    with k.when((column < w) & (row < h) & (batch < n)):
        most = k.var("most", const(-LARGEST, F32X4))
        with k.loop("s", x.slices) as s:
            value = x.mask(x.load(batch, row, column, s), s, -LARGEST)
            k.assign(most, call("max", most, value))
        top = k.let("top", Fold("max", -LARGEST).lanes(most))
        total4 = k.var("total4", const(0.0, F32X4))
        with k.loop("s", x.slices) as s:
            raised = call("exp", (x.load(batch, row, column, s) - top) * beta)
            k.add(total4, x.mask(k.let("raised", raised), s, 0.0))
        total = k.let("total", Fold("+", 0.0).lanes(total4))
        scale = k.let(
            "scale", const(1.0, F32) / total if isinstance(op, Softmax) else call("log", total)
        )
        with k.loop("s", x.slices) as s:
            shifted = k.let("shifted", (x.load(batch, row, column, s) - top) * beta)
            made = call("exp", shifted) * scale if isinstance(op, Softmax) else shifted - scale
            c.store(c.at(batch, row, column, s), made)
    return c.done((w, h, n))
