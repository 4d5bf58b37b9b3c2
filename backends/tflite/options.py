"""Attributes of operators as options tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tflite
from flatbuffers import number_types

from tflgpuc.backends.tflite.tables import Table, camel
from tflgpuc.ir.errors import UnsupportedError
from tflgpuc.ir.tflite_schema import ENUMS, names_of

# Tables that aren't named after their only operator.
SHARED = {
    "CONV_3D_TRANSPOSE": "Conv3DOptions",
    "L2_NORMALIZATION": "L2NormOptions",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "SequenceRNNOptions",
    **dict.fromkeys(("MAXIMUM", "MINIMUM"), "MaximumMinimumOptions"),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), "Pool2DOptions"),
    **dict.fromkeys(("RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM", "MULTINOMIAL"), "RandomOptions"),
    **dict.fromkeys(("MEAN", "SUM"), "ReducerOptions"),
    **{f"REDUCE_{k}": "ReducerOptions" for k in ("ALL", "ANY", "MAX", "MIN", "PROD")},
}
# The two unions that an operator has for its table, and each table's number in one of them.
UNIONS: dict[str, dict[str, int]] = {
    field: {name: number for number, name in names_of(union).items()}
    for field, union in (
        ("builtin_options", tflite.BuiltinOptions),
        ("builtin_options2", tflite.BuiltinOptions2),
    )
}


def options_fields(opcode: str, options: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The fields of an Operator that hold its decoded options; none where it has no table.

    UnsupportedError, beginning with ``where``, for options that the table lacks.
    """
    wanted = SHARED.get(opcode, opcode.replace("_", "") + "Options").lower()
    for field, members in UNIONS.items():
        for name, number in members.items():
            if name.lower() == wanted:
                return {f"{field}_type": number, field: _table(name, options, where)}
    _refuse([k for k, v in options.items() if v is not None], opcode, where)
    return {}


def _table(name: str, options: Mapping[str, Any], where: str) -> Table:
    cls = getattr(tflite, name)
    given = {k: v for k, v in options.items() if v is not None}
    _refuse([k for k in given if not hasattr(tflite, f"{name}Add{camel(k)}")], name, where)
    return Table(name, {k: _encoded(cls, k, v, where) for k, v in given.items()})


def _refuse(unknown: list[str], owner: str, where: str) -> None:
    if unknown:
        raise UnsupportedError(f"{where}: TFLite's {owner} has no {', '.join(unknown)}")


def _encoded(cls: type, field: str, value: Any, where: str) -> Any:
    """A value as the table holds it: enumerations as numbers, tuples as arrays."""
    if isinstance(value, list | tuple):
        items = [_number(field, item, where) for item in value]
        return np.array(items, _element(cls, field))
    if isinstance(value, np.generic):
        return value.item()
    return _number(field, value, where)


def _number(field: str, value: Any, where: str) -> Any:
    """An enumeration's number; what is none comes back as it is."""
    if field not in ENUMS or not isinstance(value, str):
        return value
    numbers = {name: number for number, name in ENUMS[field].items()}
    # The frontend spells a number that the enumeration lacks as "field number".
    known, _, number = value.partition(" ")
    if known == field and number.isdecimal():
        return int(number)
    if value not in numbers:
        raise UnsupportedError(f"{where}: TFLite has no {field} {value}")
    return numbers[value]


def _element(cls: Any, field: str) -> np.dtype[Any]:
    """The element type of a vector of numbers, as the generated accessor asks a table for it."""
    table = cls()
    table._tab = _Elements()
    flags = getattr(table, f"{camel(field)}AsNumpy")()
    element: np.dtype[Any] = np.dtype(number_types.to_numpy_type(flags))
    return element


class _Elements:
    """Stands in for a table: has every field, and gives a vector's element type for its data."""

    Pos = 0

    def Offset(self, vtableOffset: int) -> int:
        return vtableOffset

    def GetVectorAsNumpy(self, flags: Any, off: int) -> Any:
        return flags
