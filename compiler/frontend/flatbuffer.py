"""Reads FlatBuffers that nobody vouches for, through the schema's generated classes.

Generated accessors check nothing, but they fetch everything through a ``flatbuffers.table.Table``.
Here they get one that checks every fetch, and that runs out after a number of tables and of decoded
elements: a small file can name the same table a million times.
"""

from __future__ import annotations

import functools
import inspect
import mmap
import re
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
import tflite
from flatbuffers import number_types
from flatbuffers.table import Table

from tflgpuc.ir.errors import ModelError
from tflgpuc.ir.graph.op import Array

Bytes: TypeAlias = bytes | mmap.mmap
Shape: TypeAlias = Literal["single", "numbers", "items"]

MAX_TABLES = 1_000_000
# FlatBuffers' own limit: offsets in tables are 31 bits, data may follow them.
MAX_TABLE_BYTES = 2**31 - 1
UNIONS: dict[str, type] = {
    "builtin_options": tflite.BuiltinOptions,
    "builtin_options2": tflite.BuiltinOptions2,
    "array_segments": tflite.SparseIndexVector,
    "array_indices": tflite.SparseIndexVector,
}


class Reader:
    """A FlatBuffer's bytes and what may still be decoded from them."""

    def __init__(self, data: Bytes) -> None:
        self.data = data
        self.size = min(len(data), MAX_TABLE_BYTES)
        # A table and the offset that leads to it take 8 bytes; each may be read twice.
        self._tables = min(MAX_TABLES, self.size // 4)
        self._elements = 8 * self.size + 1_000_000
        self._expanded = 8 * len(data) + 2**30

    def root(self, cls: Any, identifier: bytes) -> Record:
        """The file's outermost table; ModelError unless the file has this identifier."""
        if len(self.data) < 8 or self.data[4:8] != identifier:
            raise ModelError(f"offset 0x4: no {identifier.decode()} identifier: not such a file")
        position = int.from_bytes(self.data[:4], "little")
        return Record(self, placed(cls, self.data, position))

    def need(self, start: int, count: int, what: str) -> None:
        """ModelError unless ``count`` bytes from ``start`` on lie within the file."""
        if start < 0 or start + count > self.size:
            raise ModelError(
                f"offset {start:#x}: {what} of {count} bytes does not lie within the file's "
                f"{len(self.data)} bytes"
            )

    def slice(self, start: int, count: int, what: str) -> Array:
        """Bytes anywhere in the file, those behind the tables included, as a view."""
        if start + count > len(self.data):
            raise ModelError(
                f"offset {start:#x}: {what} of {count} bytes, but the file ends at "
                f"{len(self.data):#x}"
            )
        return np.frombuffer(self.data, np.uint8, count, start)

    def spend_table(self, position: int) -> None:
        """Counts a table."""
        self._tables -= 1
        if self._tables < 0:
            raise ModelError(f"offset {position:#x}: the file names more tables than it can hold")

    def spend(self, count: int, position: int = 0) -> None:
        """Counts elements that are decoded one by one."""
        self._elements -= count
        if self._elements < 0:
            raise ModelError(f"offset {position:#x}: the file names the same data again and again")

    def expand(self, count: int, what: str) -> None:
        """Counts bytes of constants that take more memory than the file has for them."""
        self._expanded -= count
        if self._expanded < 0:
            raise ModelError(f"{what}: the model's constants unpack to too many bytes")


class CheckedTable(Table):  # type: ignore[misc]
    """A table whose every fetch lies within the file, else ModelError names the offset."""

    def __init__(self, reader: Reader, position: int) -> None:
        self.Bytes, self.Pos, self.reader = reader.data, position, reader
        reader.spend_table(position)
        self.vtable = position - self.Get(number_types.SOffsetTFlags, position)
        self.vtable_size = self.Get(number_types.VOffsetTFlags, self.vtable)
        reader.need(self.vtable, max(4, self.vtable_size), "a vtable")
        self.inline = self.Get(number_types.VOffsetTFlags, self.vtable + 2)
        reader.need(position, max(4, self.inline), "a table")

    def Offset(self, vtableOffset: int) -> int:
        """Where in this table a field lies; 0 where it's absent."""
        if vtableOffset + 2 > self.vtable_size:
            return 0
        found: int = self.Get(number_types.VOffsetTFlags, self.vtable + vtableOffset)
        if found and not 4 <= found < self.inline:
            raise ModelError(f"offset {self.Pos + found:#x}: a field outside of its table")
        return found

    def Get(self, flags: Any, off: int) -> Any:
        """A number."""
        self.reader.need(off, flags.bytewidth, "a number")
        return super().Get(flags, off)

    def Indirect(self, off: int) -> int:
        """What the offset stored at ``off`` leads to."""
        target: int = off + self.Get(number_types.UOffsetTFlags, off)
        self.reader.need(target, 4, "what an offset leads to")
        return target

    def String(self, off: int) -> bytes:
        """The bytes of the string whose offset is stored at ``off``."""
        start = self.Indirect(off)
        count = self.Get(number_types.UOffsetTFlags, start)
        self.reader.need(start + 4, count, "a string")
        self.reader.spend(count, start)
        return bytes(self.reader.data[start + 4 : start + 4 + count])

    def VectorLen(self, off: int) -> int:
        """The number of elements of a vector."""
        start = self.Indirect(off + self.Pos)
        count: int = self.Get(number_types.UOffsetTFlags, start)
        self.reader.need(start + 4, count, "a vector")
        return count

    def Vector(self, off: int) -> int:
        """Where a vector's first element lies."""
        return self.Indirect(off + self.Pos) + 4

    def Union(self, t2: Any, off: int) -> None:
        """Makes ``t2`` the table of a union."""
        t2.Pos, t2.Bytes = self.Indirect(off + self.Pos), self.Bytes

    def GetVectorAsNumpy(self, flags: Any, off: int) -> Array:
        """A vector of numbers, as a view of the file."""
        count = self.VectorLen(off)
        self.reader.need(self.Vector(off), count * flags.bytewidth, "a vector")
        if flags.bytewidth > 1:
            self.reader.spend(count, self.Vector(off))
        return super().GetVectorAsNumpy(flags, off)  # type: ignore[no-any-return]


def placed(cls: Any, data: Bytes, position: int) -> Any:
    """An instance of a generated class at a place that nothing has checked yet."""
    made = cls()
    made.Init(data, position)
    return made


@functools.cache
def fields(cls: type) -> dict[str, tuple[str, Shape]]:
    """A generated class's fields under the schema's names: the accessor, and what it gives."""
    methods = {k: f for k, f in vars(cls).items() if inspect.isfunction(f) and k[0].isupper()}
    found: dict[str, tuple[str, Shape]] = {}
    for name, method in methods.items():
        vector = name.removesuffix("AsNumpy").removesuffix("Length").removesuffix("IsNone")
        if name == "Init" or (vector != name and vector in methods):
            continue
        snake = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        if "j" not in inspect.signature(method).parameters:
            found[snake] = name, "single"
        else:
            found[snake] = name, "numbers" if name + "AsNumpy" in methods else "items"
    return found


def text(raw: bytes) -> str:
    """A string of the file; what can't be printed on one line becomes U+FFFD."""
    decoded = raw.decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "\ufffd" for c in decoded)


class Record:
    """A table: its fields as attributes, named as in the schema.

    Numbers and strings are Python's; a vector of numbers is a NumPy view of the file, one of tables
    or strings a list; an absent string, table or vector of numbers is None. A union holds a Record,
    or None where this schema doesn't know its kind.
    """

    __slots__ = ("_fields", "_object", "reader")

    def __init__(self, reader: Reader, generated: Any) -> None:
        generated._tab = CheckedTable(reader, generated._tab.Pos)
        self._object, self.reader = generated, reader
        self._fields = fields(generated.__class__)

    def __getattr__(self, name: str) -> Any:
        try:
            accessor, shape = self._fields[name]
        except KeyError:
            raise AttributeError(f"{type(self._object).__name__} has no {name}") from None
        method: Callable[..., Any] = getattr(self._object, accessor)
        match shape:
            case "single":
                return self._wrapped(name, method())
            case "numbers":
                absent = getattr(self._object, accessor + "IsNone")()
                return None if absent else getattr(self._object, accessor + "AsNumpy")()
            case "items":
                count = getattr(self._object, accessor + "Length")()
                return [self._wrapped(name, method(i)) for i in range(count)]

    @property
    def field_names(self) -> tuple[str, ...]:
        """The names of all fields that the schema gives this table."""
        return tuple(self._fields)

    def _wrapped(self, name: str, value: Any) -> Any:
        if isinstance(value, bytes):
            return text(value)
        if isinstance(value, Table):
            return self._member(name, value)
        return Record(self.reader, value) if hasattr(value, "_tab") else value

    def _member(self, name: str, table: Table) -> Record | None:
        """The member of a union that its type field names."""
        wanted = getattr(self, name + "_type")
        for member, number in vars(UNIONS[name]).items():
            if number == wanted and wanted and not member.startswith("_"):
                cls = getattr(tflite, member)
                return Record(self.reader, placed(cls, self.reader.data, table.Pos))
        return None
