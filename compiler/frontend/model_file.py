"""A .tflite file: its tables, and its constants as views of the mapped file."""

from __future__ import annotations

import math
import mmap
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np
import tflite

from tflgpuc.frontend.flatbuffer import Bytes, Reader, Record
from tflgpuc.frontend.schema import PACKED_BITS, dtype_of
from tflgpuc.frontend.sparsity import densify, read_sparsity
from tflgpuc.ir.errors import ModelError, UsageError
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.types import NUMPY, Quantization, TensorType
from tflgpuc.ir.tflite_schema import OPCODES

MAX_ELEMENTS = 2**31
MAX_RANK = 32


@dataclass(frozen=True)
class Opcode:
    """What an operator is: ``CONV_2D``, or ``CUSTOM:Name``, and its version."""

    name: str
    version: int


@dataclass(frozen=True)
class Tensor:
    """A tensor of a subgraph as the file describes it; ``where`` names it in messages.

    ``settled`` says whether the file knows the shape; else that in ``type`` only holds its place.
    """

    name: str
    type: TensorType
    where: str
    buffer: int
    variable: bool
    settled: bool
    sparsity: Record | None


def map_file(path: str | os.PathLike[str]) -> Bytes:
    """A file's bytes, mapped and read-only; UsageError where there is no such file."""
    try:
        with open(path, "rb") as file:
            info = os.fstat(file.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise UsageError(f"{os.fspath(path)}: not a file")
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if info.st_size else b""
    except OSError as error:
        raise UsageError(f"{os.fspath(path)}: {error.strerror}") from error


def ints(vector: Array | None) -> tuple[int, ...]:
    """A vector of integers, absent ones as empty ones."""
    return () if vector is None else tuple(vector.tolist())


def possible(shape: tuple[int, ...]) -> bool:
    """Whether a tensor can have this shape, that of no elements at all included."""
    return (
        len(shape) <= MAX_RANK
        and min((0, *shape)) >= 0
        # NumPy's limit holds for the axes that aren't 0 even where one is.
        and math.prod(max(1, size) for size in shape) <= MAX_ELEMENTS
    )


def item(items: Sequence[Any], index: int, what: str) -> Any:
    """``items[index]``; ModelError saying ``what`` has no such entry."""
    if not 0 <= index < len(items):
        raise ModelError(f"{what} {index}, but there are {len(items)}")
    return items[index]


class ModelFile:
    """The model's table and what all subgraphs share."""

    def __init__(self, data: Bytes) -> None:
        self.reader = Reader(data)
        self.model = self.reader.root(tflite.Model, b"TFL3")
        if self.model.version != 3:
            raise ModelError(f"schema version {self.model.version}, only 3 is known")
        self.subgraphs: list[Record] = self.model.subgraphs
        if not self.subgraphs:
            raise ModelError("the model has no subgraph")
        self.opcodes = [self._opcode(record) for record in self.model.operator_codes]
        self._buffers: list[Record] = self.model.buffers
        self._calls: dict[int, set[int]] = {}
        self._inits: set[tuple[int, int]] = set()
        self._tensors: dict[int, list[Tensor]] = {}
        self._widened: dict[tuple[int, int], tuple[Array, Array]] = {}

    def _opcode(self, record: Record) -> Opcode:
        # Files before opcode 127 was passed have the opcode in the old field only.
        number = max(record.builtin_code, record.deprecated_builtin_code)
        if number == tflite.BuiltinOperator.CUSTOM:
            return Opcode(f"CUSTOM:{record.custom_code or ''}", record.version)
        return Opcode(OPCODES.get(number, f"BUILTIN_{number}"), record.version)

    def buffer(self, index: int, where: str) -> Array:
        """A buffer's bytes, within the tables or behind them; empty for the buffers of no data."""
        record = item(self._buffers, index, f"{where}: buffer")
        data: Array | None = record.data
        if data is not None and data.size:
            return data
        if record.offset > 1 and record.size > 0:
            return self.reader.slice(record.offset, record.size, f"buffer {index}")
        return np.zeros(0, np.uint8)

    def tensors(self, subgraph: int) -> list[Tensor]:
        """A subgraph's tensors, under names that no two of them share."""
        if subgraph not in self._tensors:
            self._tensors[subgraph] = self._named_tensors(subgraph)
        return self._tensors[subgraph]

    def _named_tensors(self, subgraph: int) -> list[Tensor]:
        records = self.subgraphs[subgraph].tensors
        raw = [record.name or f"tensor_{i}" for i, record in enumerate(records)]
        taken, suffix = set(raw), dict.fromkeys(raw, 0)
        found = []
        for index, (name, record) in enumerate(zip(raw, records, strict=True)):
            unique = name
            while suffix[name] and unique in taken:
                unique = f"{name}_{suffix[name]}"
                suffix[name] += 1
            suffix[name] = suffix[name] or 1
            taken.add(unique)
            where = f"subgraph {subgraph}, tensor {index} ({unique!r})"
            found.append(self._tensor(record, unique, where))
        return found

    def _tensor(self, record: Record, name: str, where: str) -> Tensor:
        if record.buffer:
            item(self._buffers, record.buffer, f"{where}: buffer")
        shape = ints(record.shape)
        signature = ints(record.shape_signature) or shape
        # Open axes are 1 until somebody says otherwise, as converters write them.
        shape = tuple(1 if size == -1 else size for size in shape)
        if not possible(shape):
            raise ModelError(f"{where}: impossible shape {shape}")
        type = TensorType(
            dtype_of(record.type, where),
            shape,
            quantization=quantization(record.quantization, where),
            signature=signature,
        )
        return Tensor(
            name,
            type,
            where,
            buffer=record.buffer,
            variable=record.is_variable,
            settled=-1 not in signature and (bool(shape) or record.has_rank),
            sparsity=record.sparsity,
        )

    def constant(self, tensor: Tensor) -> Array | None:
        """The data of a constant tensor, sparse ones made dense; None where it has none.

        Element types that NumPy lacks are left as bytes.
        """
        if tensor.variable or not tensor.buffer:
            raw = np.zeros(0, np.uint8)
        else:
            raw = self.buffer(tensor.buffer, tensor.where)
        if not raw.size and tensor.type.size:
            return None
        dtype = NUMPY.get(tensor.type.dtype)
        if dtype is None:
            bits = PACKED_BITS.get(tensor.type.dtype)
            if bits and raw.size != -(-tensor.type.size * bits // 8):
                raise ModelError(f"{tensor.where}: {raw.size} bytes for {tensor.type}")
            return raw
        if tensor.sparsity is not None:
            return self._dense(tensor, tensor.sparsity, raw)
        if raw.size != tensor.type.size * dtype.itemsize:
            raise ModelError(f"{tensor.where}: {raw.size} bytes for {tensor.type}")
        return _typed(raw, dtype).reshape(tensor.type.shape)

    def _dense(self, tensor: Tensor, record: Record, raw: Array) -> Array:
        dtype = NUMPY[tensor.type.dtype]
        if raw.size % dtype.itemsize:
            raise ModelError(f"{tensor.where}: {raw.size} bytes of {tensor.type.dtype}")
        sparsity = read_sparsity(record, tensor.type.rank, tensor.where)
        self.reader.expand(tensor.type.bytes + raw.size, tensor.where)
        self.reader.spend(raw.size * (1 + len(sparsity.levels)))
        return densify(_typed(raw, dtype), sparsity, tensor.type.shape, tensor.where)

    def as_f32(self, data: Array, where: str) -> Array:
        """An f16 array in f32; tensors that share their bytes share the result."""
        key = data.__array_interface__["data"][0], data.size
        if key not in self._widened:
            self.reader.expand(4 * data.size, where)
            # Keeping the narrow array too, no other one can come to lie at its address.
            self._widened[key] = data, data.ravel().astype(np.float32)
        return self._widened[key][1].reshape(data.shape)

    def custom_options(self, operator: Record) -> bytes:
        """A custom operator's own bytes, behind the tables in large models."""
        raw: Array | None = operator.custom_options
        if raw is None and operator.large_custom_options_offset > 1:
            start, size = operator.large_custom_options_offset, operator.large_custom_options_size
            raw = self.reader.slice(start, size, "custom options")
        if raw is None:
            return b""
        self.reader.spend(raw.size)
        return raw.tobytes()

    def metadata(self) -> dict[str, bytes]:
        """The model's named blobs."""
        found = {}
        for record in self.model.metadata:
            name = record.name or ""
            data = self.buffer(record.buffer, f"metadata {name!r}")
            self.reader.spend(data.size)
            found[name] = data.tobytes()
        return found

    def note_calls(self, subgraph: int, options: dict[str, Any], where: str) -> None:
        """Checks the subgraphs that an operator's options name."""
        for name, value in options.items():
            # -1 stands for none where an operator may go without.
            if name.endswith("subgraph_index") and value != -1:
                item(self.subgraphs, value, f"{where}: {name}")
                self._calls.setdefault(subgraph, set()).add(value)
                if name == "init_subgraph_index":
                    self._inits.add((subgraph, value))

    def run_by(self, subgraph: int) -> set[int]:
        """The subgraphs that one runs, however indirectly, but not those that initialise it."""
        found: set[int] = set()
        left = [subgraph]
        while left:
            caller = left.pop()
            called = {c for c in self._calls.get(caller, ()) if (caller, c) not in self._inits}
            left += called - found
            found |= called
        return found

    def check_calls(self) -> None:
        """ModelError where a subgraph runs itself."""
        try:
            TopologicalSorter(self._calls).prepare()
        except CycleError as error:
            raise ModelError(f"subgraphs call each other in a circle: {error.args[1]}") from error


def quantization(record: Record | None, where: str) -> Quantization | None:
    """A tensor's affine quantisation; None where the file gives none."""
    if record is None or record.scale is None or not record.scale.size:
        return None
    scale = tuple(record.scale.tolist())
    zero_point = ints(record.zero_point) or (0,) * len(scale)
    if len(zero_point) == 1:
        zero_point *= len(scale)
    if len(zero_point) != len(scale):
        raise ModelError(f"{where}: {len(scale)} scales, but {len(zero_point)} zero points")
    return Quantization(scale, zero_point, record.quantized_dimension)


def _typed(raw: Array, dtype: np.dtype[Any]) -> Array:
    """Little-endian bytes as numbers: a view, aligned or not, wherever that is the host's order."""
    return raw.view(dtype.newbyteorder("<")).astype(dtype, copy=False)
