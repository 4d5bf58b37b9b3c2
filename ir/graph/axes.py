"""Axes, shapes and static integer operands, checked on behalf of the op that has them."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from tflgpuc.ir.errors import VerifyError
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.types import DType

# TFLite's names of element types, as they stand in options tables.
TFLITE_DTYPES: dict[str, DType] = {
    "FLOAT32": "f32",
    "FLOAT16": "f16",
    "FLOAT64": "f64",
    "BFLOAT16": "bf16",
    "INT4": "i4",
    "INT8": "i8",
    "INT16": "i16",
    "INT32": "i32",
    "INT64": "i64",
    "UINT4": "u4",
    "UINT8": "u8",
    "UINT16": "u16",
    "UINT32": "u32",
    "UINT64": "u64",
    "BOOL": "bool",
    "STRING": "string",
    "COMPLEX64": "c64",
    "COMPLEX128": "c128",
}


def dtype_of(op: Op, tflite: str) -> DType:
    """The element type that TFLite calls ``tflite``."""
    op.check(tflite in TFLITE_DTYPES, f"no such element type: {tflite}")
    return TFLITE_DTYPES[tflite]


def static_ints(value: Value, what: str) -> tuple[int, ...]:
    """A constant's elements as integers, in order; raises NotStatic naming ``what``."""
    return tuple(int(i) for i in np.ravel(value.static(what)))


def axis_of(op: Op, axis: int, rank: int) -> int:
    """``axis`` counted from the front; raises VerifyError where there is no such axis."""
    op.check(-rank <= axis < rank, f"axis {axis} of a tensor of rank {rank}")
    return axis % rank


def axes_of(op: Op, axes: Iterable[int], rank: int) -> tuple[int, ...]:
    """Each axis counted from the front; raises VerifyError where one is missing or given twice."""
    found = tuple(axis_of(op, axis, rank) for axis in axes)
    op.check(len(set(found)) == len(found), f"axes {found} name one twice")
    return found


def broadcast_shapes(op: Op, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that all of them broadcast to, as in NumPy."""
    try:
        return tuple(np.broadcast_shapes(*shapes))
    except ValueError:
        listed = " and ".join(map(str, shapes))
        raise VerifyError(f"{op.describe()}: {listed} do not broadcast") from None


def resolve_shape(op: Op, wanted: tuple[int, ...], size: int) -> tuple[int, ...]:
    """``wanted`` with its one -1 replaced by what gives ``size`` elements."""
    op.check(wanted.count(-1) <= 1, f"shape {wanted} leaves several axes open")
    rest = math.prod(d for d in wanted if d != -1)
    if -1 in wanted and rest:
        wanted = tuple(size // rest if d == -1 else d for d in wanted)
    op.check(math.prod(wanted) == size, f"{size} elements do not fill shape {wanted}")
    return wanted
