"""Element types and options tables of a file in the names that the IR uses."""

from __future__ import annotations

from typing import Any

import numpy as np

from tflgpuc.frontend.flatbuffer import Record
from tflgpuc.ir.errors import ModelError
from tflgpuc.ir.graph.types import DType
from tflgpuc.ir.tflite_schema import DTYPES, ENUMS

# Bits of an element that NumPy has no type for; the others of that kind have no fixed size.
PACKED_BITS: dict[DType, int] = {"i2": 2, "i4": 4, "u4": 4, "bf16": 16}


def dtype_of(number: int, where: str) -> DType:
    """The element type that a TensorType stands for."""
    if number not in DTYPES:
        raise ModelError(f"{where}: unknown element type {number}")
    return DTYPES[number]


def decode_options(record: Record) -> dict[str, Any]:
    """Every field of an options table: enumerations as TFLite's names, vectors as tuples.

    A number that its enumeration doesn't have becomes text too, which no op accepts.
    """
    return {name: _decoded(record, name) for name in record.field_names}


def _decoded(record: Record, name: str) -> Any:
    value = getattr(record, name)
    if isinstance(value, np.ndarray) and value.dtype == np.uint8:
        record.reader.spend(value.size)
        return value.tobytes()
    enum = ENUMS.get(name)
    if isinstance(value, np.ndarray | list):
        items = value.tolist() if isinstance(value, np.ndarray) else value
        # StableHLO's `padding` is a vector of numbers, not an enumeration.
        if enum is not None and name == "precision_config":
            items = [enum.get(i, f"{name} {i}") for i in items]
        return tuple(items)
    if enum is not None and isinstance(value, int):
        return enum.get(value, f"{name} {value}")
    return value
