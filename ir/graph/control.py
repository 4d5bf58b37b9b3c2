"""What the ops share that run other graphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tflgpuc.ir.errors import VerifyError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.graph.types import TensorType


def joined(a: TensorType, b: TensorType) -> TensorType:
    """The type of a value that has either of two types; dynamic where their shapes differ."""
    plain = TensorType(a.dtype, a.shape, dynamic=a.dynamic or b.dynamic)
    if a.shape == b.shape and not plain.dynamic:
        return plain
    if a.rank != b.rank:
        return replace(plain, dynamic=True)
    pairs = zip(a.signature or a.shape, b.signature or b.shape, a.shape, b.shape, strict=False)
    signature = tuple(-1 if -1 in axis or axis[2] != axis[3] else axis[2] for axis in pairs)
    return replace(plain, dynamic=True, signature=signature)


def check_operands(operands: Sequence[Value], region: Graph, what: str) -> None:
    """Raises VerifyError unless the region's inputs can stand for the operands."""
    if len(operands) != len(region.inputs):
        raise VerifyError(f"{len(operands)} operands for a {what} of {len(region.inputs)} inputs")
    if region.states:
        raise VerifyError(f"the {what} keeps states")
    check_alike([v.type for v in operands], [v.type for v in region.inputs], f"{what}'s input")


def check_alike(
    given: Sequence[TensorType], wanted: Sequence[TensorType], what: str, *, resized: bool = False
) -> None:
    """Raises VerifyError unless types agree; shapes only where both are known, or never if resized."""
    if len(given) != len(wanted):
        raise VerifyError(f"{len(given)} values for {len(wanted)}: {what}")
    for i, (a, b) in enumerate(zip(given, wanted, strict=True)):
        known = not (a.dynamic or b.dynamic or resized)
        if a.dtype != b.dtype or (known and a.shape != b.shape):
            raise VerifyError(f"{what} {i} is {b}, not {a}")
