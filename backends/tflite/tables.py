"""FlatBuffer tables as data, and their bytes, through the schema's generated code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
import tflite

from tflgpuc.ir.graph.op import Array

# What runtimes may assume of the data of constants, which they read where the file lies in memory.
ALIGNMENT = 16


@dataclass(frozen=True)
class Aligned:
    """A vector of bytes that starts at a multiple of 16 in the file."""

    data: Array


@dataclass(frozen=True)
class Table:
    """A table of the schema: its name there, and its fields in snake case; absent ones are None.

    A field is a number, a string, bytes, an array, another table, or a sequence of tables.
    """

    name: str
    fields: Mapping[str, Any]


def serialized(root: Table, identifier: bytes, size: int) -> bytes:
    """The file whose outermost table is ``root``; ``size`` is a guess that saves copies.

    Raises ``flatbuffers.builder.BuilderSizeError`` for more than 2 GiB.
    """
    builder = flatbuffers.Builder(size)
    builder.Finish(_table(builder, root), identifier)
    return bytes(builder.Output())


def camel(name: str) -> str:
    """A field's name as the generated code has it."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _table(builder: Any, table: Table) -> int:
    """Writes a table after everything that it refers to; gives its place."""
    present = {k: v for k, v in table.fields.items() if v is not None}
    placed = {k: _placed(builder, v) for k, v in present.items()}
    getattr(tflite, f"{table.name}Start")(builder)
    for name, value in placed.items():
        getattr(tflite, f"{table.name}Add{camel(name)}")(builder, value)
    place: int = getattr(tflite, f"{table.name}End")(builder)
    return place


def _placed(builder: Any, value: Any) -> Any:
    """A field's value, or where in the file it lies."""
    match value:
        case Table():
            return _table(builder, value)
        case Aligned():
            return _aligned(builder, value.data)
        case str():
            return builder.CreateString(value)
        case bytes():
            return builder.CreateByteVector(value)
        case np.ndarray():
            return builder.CreateNumpyVector(value)
        case list() | tuple():
            places = [_table(builder, item) for item in value]
            builder.StartVector(4, len(places), 4)
            for place in reversed(places):
                builder.PrependUOffsetTRelative(place)
            return builder.EndVector()
    return value


def _aligned(builder: Any, data: Array) -> int:
    """A vector of bytes as the schema's ``force_align`` wants it; the builder's own ones aren't."""
    builder.StartVector(1, data.size, ALIGNMENT)
    head = builder.Head() - data.size
    builder.head = head
    builder.Bytes[head : head + data.size] = data.data
    place: int = builder.EndVector()
    return place
