"""Writes small .tflite files for tests, through the generated schema code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite
from numpy.typing import NDArray

TYPES = {
    "float32": tflite.TensorType.FLOAT32,
    "float16": tflite.TensorType.FLOAT16,
    "float64": tflite.TensorType.FLOAT64,
    "int32": tflite.TensorType.INT32,
    "int64": tflite.TensorType.INT64,
    "int8": tflite.TensorType.INT8,
    "uint8": tflite.TensorType.UINT8,
    "bool": tflite.TensorType.BOOL,
}


class Offset(int):
    """A place in the file under construction."""


@dataclass(frozen=True)
class Table:
    """A table of the schema: its name there, and its fields in snake case; absent ones are None."""

    name: str
    fields: Mapping[str, Any]


@dataclass
class Tensor:
    """A tensor; ``data`` makes it a constant, ``external`` one that lies behind the tables."""

    name: str
    shape: Sequence[int]
    dtype: str = "float32"
    data: NDArray[Any] | None = None
    external: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Operator:
    """An operator: a builtin's name or ``CUSTOM:Name``, and positions of its tensors."""

    opcode: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: Table | None = None
    custom_options: bytes | None = None


@dataclass
class Subgraph:
    """A subgraph; inputs and outputs are positions of tensors."""

    tensors: Sequence[Tensor]
    operators: Sequence[Operator]
    inputs: Sequence[int]
    outputs: Sequence[int]
    name: str = "main"


def write(*subgraphs: Subgraph, **model: Any) -> bytes:
    """A model of these subgraphs; ``model`` are more fields of the schema's Model."""
    writer = _Writer()
    # External data has to lie where the tables end, which the first attempt tells.
    size = len(writer.finish(subgraphs, model, 0))
    start = -(-size // 16) * 16
    made = writer.finish(subgraphs, model, start)
    assert len(made) == size
    return made.ljust(start, b"\0") + writer.external if writer.external else made


def build(builder: flatbuffers.Builder, table: Table, seen: dict[int, Offset]) -> Offset:
    """Writes a table after everything that it refers to; a table that was ``seen`` once only."""
    if id(table) in seen:
        return seen[id(table)]
    placed = {k: _placed(builder, v, seen) for k, v in table.fields.items() if v is not None}
    getattr(tflite, f"{table.name}Start")(builder)
    for name, value in placed.items():
        camel = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
        getattr(tflite, f"{table.name}Add{camel}")(builder, value)
    seen[id(table)] = Offset(getattr(tflite, f"{table.name}End")(builder))
    return seen[id(table)]


def _placed(builder: flatbuffers.Builder, value: Any, seen: dict[int, Offset]) -> Any:
    """A field's value, or where in the file it lies."""
    match value:
        case Table():
            return build(builder, value, seen)
        case str():
            return builder.CreateString(value)
        case bytes():
            return builder.CreateByteVector(value)
        case np.ndarray():
            return builder.CreateNumpyVector(value)
        case list() | tuple():
            offsets = [_placed(builder, item, seen) for item in value]
            builder.StartVector(4, len(offsets), 4)
            for offset in reversed(offsets):
                builder.PrependUOffsetTRelative(offset)
            return builder.EndVector()
    return value


class _Writer:
    def finish(self, subgraphs: Sequence[Subgraph], model: dict[str, Any], external: int) -> bytes:
        """The file, with external data from ``external`` on."""
        self.external = b""
        self._start = external
        self._buffers = [Table("Buffer", {})]
        self._codes: list[str] = []
        tables = [self._subgraph(s) for s in subgraphs]
        builder = flatbuffers.Builder(1024)
        # Zeros have to be written too: the offset of external data is 0 on the first attempt.
        builder.ForceDefaults(True)
        fields = {
            "version": 3,
            "operator_codes": [self._code(name) for name in self._codes],
            "subgraphs": tables,
            "buffers": self._buffers,
        }
        builder.Finish(build(builder, Table("Model", fields | model), {}), b"TFL3")
        return bytes(builder.Output())

    def _code(self, opcode: str) -> Table:
        name, _, custom = opcode.partition(":")
        number = getattr(tflite.BuiltinOperator, name)
        return Table(
            "OperatorCode",
            {
                "builtin_code": number,
                "deprecated_builtin_code": min(number, 127),
                "custom_code": custom or None,
                "version": 1,
            },
        )

    def _subgraph(self, graph: Subgraph) -> Table:
        return Table(
            "SubGraph",
            {
                "tensors": [self._tensor(t) for t in graph.tensors],
                "inputs": np.array(graph.inputs, np.int32),
                "outputs": np.array(graph.outputs, np.int32),
                "operators": [self._operator(o) for o in graph.operators],
                "name": graph.name,
            },
        )

    def _tensor(self, tensor: Tensor) -> Table:
        buffer = 0
        if tensor.data is not None:
            buffer = len(self._buffers)
            raw = tensor.data.tobytes()
            contents: dict[str, Any] = {"data": raw}
            if tensor.external:
                contents = {"offset": self._start + len(self.external), "size": len(raw)}
                self.external += raw
            self._buffers.append(Table("Buffer", contents))
        fields = {
            "name": tensor.name,
            "shape": np.array(tensor.shape, np.int32),
            "type": TYPES[tensor.dtype],
            "buffer": buffer,
        }
        return Table("Tensor", fields | tensor.extra)

    def _operator(self, operator: Operator) -> Table:
        if operator.opcode not in self._codes:
            self._codes.append(operator.opcode)
        fields: dict[str, Any] = {
            "opcode_index": self._codes.index(operator.opcode),
            "inputs": np.array(operator.inputs, np.int32),
            "outputs": np.array(operator.outputs, np.int32),
            "custom_options": operator.custom_options,
        }
        if operator.options is not None:
            second = not hasattr(tflite.BuiltinOptions, operator.options.name)
            union = tflite.BuiltinOptions2 if second else tflite.BuiltinOptions
            field = "builtin_options2" if second else "builtin_options"
            fields[f"{field}_type"] = getattr(union, operator.options.name)
            fields[field] = operator.options
        return Table("Operator", fields)
