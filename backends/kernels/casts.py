"""CAST from and to i64, of which kernels hold the last 32 bits."""

from __future__ import annotations

from tflgpuc.backends.kernels.catalogue import NARROW, kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.elementwise import elementwise
from tflgpuc.ir.graph.ops.cast import Cast

WHOLE = ("i32", "bool", *NARROW)


def last_bits_suffice(op: Cast) -> str | None:
    """Other integers are made of the last bits, and lengthened by their sign."""
    old, new = op.input.type.dtype, op.result.type.dtype
    if old == "i64" and new not in ("i64", "i32", *NARROW):
        return "an operand is i64"
    if new == "i64" and old not in ("i64", *WHOLE):
        return "its result is i64"
    return None


@kernel(
    Cast,
    requires=last_bits_suffice,
    any_rank=True,
    narrow=True,
    indices="input result",
    row_major=True,
)
def cast(op: Cast, c: Context) -> Built:
    """Elementwise."""
    return elementwise(op, c)
