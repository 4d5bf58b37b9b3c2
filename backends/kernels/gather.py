"""Ops that look elements up by indices computed at run time."""

from __future__ import annotations

from tflgpuc.backends.kernels.context import Context
from tflgpuc.backends.kernels.elements import element_kernel, read
from tflgpuc.backends.kernels.view import Coordinates
from tflgpuc.ir.graph.ops.gather import Gather
from tflgpuc.ir.shader import Expr, call


@element_kernel(Gather, narrow=True, indices="indices")
def gather(op: Gather, c: Context, at: Coordinates) -> Expr:
    """Indices outside of the axis, which TFLite refuses at run time, are kept inside."""
    along, batch = op.along, op.batch
    taken = op.indices.type.rank - batch
    index = read(c, op.indices, (*at[:batch], *at[along : along + taken]), "indices")
    kept = c.k.let("index", call("clamp", index, 0, op.params.type.shape[along] - 1))
    return read(c, op.params, (*at[:along], kept, *at[along + taken :]), "params")
