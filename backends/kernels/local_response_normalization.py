"""LOCAL_RESPONSE_NORMALIZATION."""

from __future__ import annotations

from tflgpuc.backends.kernels.context import Context
from tflgpuc.backends.kernels.elements import element_kernel, read
from tflgpuc.backends.kernels.view import Coordinates
from tflgpuc.ir.graph.ops.local_response_normalization import LocalResponseNormalization
from tflgpuc.ir.shader import F32, Expr, call, const


@element_kernel(LocalResponseNormalization)
def local_response_normalization(
    op: LocalResponseNormalization, c: Context, at: Coordinates
) -> Expr:
    """Each channel walks over its neighbours."""
    k = c.k
    channels = op.input.type.shape[3]
    reach = min(op.radius, channels)
    total = k.var("total", const(0.0, F32))
    first = call("max", at[3] - reach, 0)
    with k.loop("i", call("min", at[3] + (reach + 1), channels), first) as i:
        value = k.let("value", read(c, op.input, (*at[:3], i)))
        k.add(total, value * value)
    scale = call("pow", total * op.alpha + op.bias, -op.beta)
    return read(c, op.input, at) * scale
