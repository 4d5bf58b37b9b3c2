"""What ops on complex numbers share."""

from __future__ import annotations

from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.types import DType, TensorType

PARTS: dict[DType, DType] = {"c64": "f32", "c128": "f64"}


def part_of(type: TensorType) -> TensorType:
    """The type of one real number for each complex one."""
    return TensorType(PARTS.get(type.dtype, "f32"), type.shape)


def verify_complex(op: Op, value: Value) -> None:
    """Checks that a value holds complex numbers."""
    op.check(value.type.dtype in PARTS, f"{value.type.dtype} are no complex numbers")
