"""BITCAST."""

from __future__ import annotations

from tflgpuc.backends.kernels.context import Context
from tflgpuc.backends.kernels.elements import element_kernel, read
from tflgpuc.backends.kernels.lanewise import register_type
from tflgpuc.backends.kernels.view import Coordinates
from tflgpuc.ir.graph.ops.bitcast import Bitcast
from tflgpuc.ir.shader import Expr
from tflgpuc.ir.shader import bitcast as reread

WORDS = ("f32", "i32")


def of_words(op: Bitcast) -> str | None:
    """Other types have bits that registers don't hold as they are."""
    types = op.input.type.dtype, op.result.type.dtype
    return None if set(types) <= set(WORDS) else f"{types[0]} is read as {types[1]}"


@element_kernel(Bitcast, requires=of_words)
def bitcast(op: Bitcast, c: Context, at: Coordinates) -> Expr:
    """The same bits."""
    return reread(read(c, op.input, at), register_type(op.result.type.dtype).scalar)
