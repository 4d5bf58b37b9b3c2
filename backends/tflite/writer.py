"""A Graph as a .tflite file."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import tflite
from flatbuffers.builder import BuilderSizeError

from tflgpuc.backends.tflite.options import options_fields
from tflgpuc.backends.tflite.tables import Aligned, Table, serialized
from tflgpuc.ir.errors import UnsupportedError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.graph.types import Quantization, TensorType
from tflgpuc.ir.tflite_schema import DTYPES, OPCODES

NUMBERS = {name: number for number, name in OPCODES.items()}
TENSOR_TYPES = {dtype: number for number, dtype in DTYPES.items()}
# Versions below which no runtime registers an operator.
OLDEST = {"BROADCAST_TO": 2}
# The highest opcode that fits the field that files had before there were more.
PLACEHOLDER = tflite.BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES
VARIABLE = "VARIABLE_TENSOR"


def write(graph: Graph, *, subgraphs: Sequence[Graph] = ()) -> bytes:
    """A .tflite file that computes ``graph``, byte by byte the same for the same graph.

    Regions of its ops become subgraphs, and so do those of ``subgraphs``, the graphs of the module
    that it comes from, which options of its ops name by position. Raises UnsupportedError for ops,
    options and types that TFLite doesn't have, and for more than 2 GiB. A state that ops update is a
    variable tensor, and has to be an input; its new value is in the same tensor after a run.
    """
    model = _Model(graph, subgraphs)
    try:
        return model.file()
    except BuilderSizeError:
        raise UnsupportedError(f"graph {graph.name!r}: larger than a .tflite file can be") from None


class _Model:
    """What the subgraphs share: buffers, operator codes, and the list of subgraphs itself."""

    def __init__(self, graph: Graph, named: Sequence[Graph]) -> None:
        self._named = named
        self._graphs: dict[Graph, int] = {graph: 0}
        self._codes: dict[tuple[str, int], int] = {}
        # Buffer 0 is that of tensors without data.
        self._buffers: list[Table] = [Table("Buffer", {})]
        self._known: dict[tuple[bytes, int], int] = {}

    def file(self) -> bytes:
        """The whole file."""
        written: list[Table] = []
        # Writing a subgraph may find more of them.
        while len(written) < len(self._graphs):
            graph = list(self._graphs)[len(written)]
            written.append(_Subgraph(self, graph, len(written)).table())
        fields = {
            "version": 3,
            "buffers": self._buffers,
            "operator_codes": [_code(name, version) for name, version in self._codes],
            "subgraphs": written,
        }
        size = sum(length for _, length in self._known)
        return serialized(Table("Model", fields), b"TFL3", size + 4096)

    def buffer(self, data: Array) -> int:
        """The buffer that holds a constant's bytes; constants of the same bytes share it."""
        little = np.ascontiguousarray(data, data.dtype.newbyteorder("<"))
        raw = little.reshape(-1).view(np.uint8)
        key = hashlib.sha256(raw.data).digest(), raw.size
        if key not in self._known:
            self._known[key] = len(self._buffers)
            self._buffers.append(Table("Buffer", {"data": Aligned(raw)}))
        return self._known[key]

    def code(self, opcode: str, version: int) -> int:
        """The index of an operator code."""
        return self._codes.setdefault((opcode, version), len(self._codes))

    def subgraph(self, graph: Graph) -> int:
        """The index that a graph has, or will have, among the subgraphs."""
        return self._graphs.setdefault(graph, len(self._graphs))

    def named(self, index: int, where: str) -> int:
        """The index that a subgraph of the module has here."""
        if not 0 <= index < len(self._named):
            raise UnsupportedError(f"{where}: runs subgraph {index}, which isn't given")
        return self.subgraph(self._named[index])


class _Subgraph:
    """One graph: its tensors, in the order in which operators name them, and its operators."""

    def __init__(self, model: _Model, graph: Graph, number: int) -> None:
        self._model, self._graph, self._number = model, graph, number
        # Where one value has several names, that of the input wins, then the last output's.
        self._ports = dict(zip(graph.outputs, graph.output_names, strict=False))
        self._ports.update(zip(graph.inputs, graph.input_names, strict=False))
        self._taken = set(self._ports.values())
        self._suffixes: dict[str, int] = {}
        self._index: dict[Value, int] = {}
        self._tensors: list[Table] = []
        self._variables = {getattr(op, field) for op in graph.ops for field in op.states}

    def table(self) -> Table:
        """The subgraph."""
        inputs = [self._tensor(v) for v in self._graph.inputs]
        self._join_states()
        written = [self._operator(op) for op in self._graph.ops if not _only_a_tensor(op)]
        return Table(
            "SubGraph",
            {
                "inputs": np.array(inputs, np.int32),
                "outputs": np.array([self._tensor(v) for v in self._graph.outputs], np.int32),
                "tensors": self._tensors,
                "operators": written,
                "name": self._graph.name,
            },
        )

    # --- tensors ---

    def _join_states(self) -> None:
        """Puts a state's new value, which TFLite writes over the old one, into its tensor."""
        read: Counter[Value] = Counter(self._graph.outputs)
        for op in reversed(self._graph.ops):
            for field in op.states:
                if read[getattr(op, field)]:
                    raise UnsupportedError(f"{op.describe()}: {field} is read after its update")
            read.update(op.operands)
        for op in self._graph.ops:
            new = op.results[len(op.results) - len(op.states) :]
            for field, value in zip(op.states, new, strict=True):
                old = getattr(op, field)
                if old not in self._index:
                    raise UnsupportedError(f"{op.describe()}: {field} is no input")
                self._index[value] = self._index[old]

    def _tensor(self, value: Value) -> int:
        """The index of a value's tensor."""
        if value not in self._index:
            self._index[value] = len(self._tensors)
            self._tensors.append(self._described(value))
        return self._index[value]

    def _described(self, value: Value) -> Table:
        type, name = value.type, self._name(value)
        if type.layout != "nhwc":
            raise UnsupportedError(f"tensor {name!r}: TFLite has no layout {type.layout}")
        variable = isinstance(value.op, Opaque) and value.op.opcode == VARIABLE
        variable |= value in self._variables
        fields = _type_fields(type) | {"name": name, "is_variable": variable}
        # A scalar and a tensor that isn't known at all look alike but for this.
        known = not type.dynamic and not isinstance(value.op, Opaque)
        fields["has_rank"] = bool(type.shape) or known
        if value.constant is not None:
            fields["buffer"] = self._model.buffer(value.constant)
        return Table("Tensor", fields)

    def _name(self, value: Value) -> str:
        """A value's name, with a suffix where another one has it already."""
        if value in self._ports:
            return self._ports[value]
        name = unique = value.name or f"tensor_{len(self._tensors)}"
        while unique in self._taken:
            self._suffixes[name] = self._suffixes.get(name, 0) + 1
            unique = f"{name}_{self._suffixes[name]}"
        self._taken.add(unique)
        return unique

    # --- operators ---

    def _operator(self, op: Op) -> Table:
        opcode, version = _opcode(op)
        options = self._options(op)
        custom = options.pop("custom_options", b"")
        results = op.results[: len(op.results) - len(op.states)]
        intermediates = [self._intermediate(type) for type in getattr(op, "intermediates", ())]
        fields: dict[str, Any] = {
            "opcode_index": self._model.code(opcode, version),
            "inputs": np.array(self._operands(op), np.int32),
            "outputs": np.array([self._tensor(v) for v in results], np.int32),
            "intermediates": np.array(intermediates, np.int32) if intermediates else None,
            "custom_options": custom or None,
        }
        return Table("Operator", fields | options_fields(opcode, options, op.describe()))

    def _operands(self, op: Op) -> list[int]:
        """The tensors that an operator reads, -1 for those that it goes without."""
        if isinstance(op, Opaque):
            found = [self._tensor(v) for v in op.inputs]
            for position in sorted(op.absent):
                found.insert(position, -1)
            return found
        found = []
        for field, kind in op.kinds().items():
            value = getattr(op, field)
            if kind == "variadic":
                found.extend(self._tensor(v) for v in value)
            elif kind in ("operand", "optional"):
                found.append(self._absent(op) if value is None else self._tensor(value))
        while found[-1:] == [-1]:
            found.pop()
        return found

    def _absent(self, op: Op) -> int:
        """What stands for an operand that isn't there: -1, but zeros where TFLite's kernels fail."""
        if not isinstance(op, Conv2D | DepthwiseConv2D) or op.result.type.dtype != "f32":
            return -1
        shape = op.result.type.shape[-1:]
        zeros = Constant(data=np.zeros(shape, np.float32), type=TensorType("f32", shape))
        return self._tensor(zeros.result)

    def _intermediate(self, type: TensorType) -> int:
        """A tensor that only the kernel uses."""
        name = f"tensor_{len(self._tensors)}"
        self._tensors.append(Table("Tensor", _type_fields(type) | {"name": name}))
        return len(self._tensors) - 1

    def _options(self, op: Op) -> dict[str, Any]:
        """An op's options as the frontend decodes them, subgraphs by their index here."""
        options = dict(op.to_tflite())
        for name, value in options.items():
            if name.endswith("subgraph_index") and value != -1:
                options[name] = self._model.named(value, op.describe())
        for name, region in op.regions.items():
            # TFLite calls a ``then_branch`` ``then_subgraph``, and so on.
            options[f"{name.partition('_')[0]}_subgraph_index"] = self._model.subgraph(region)
        return options


def _only_a_tensor(op: Op) -> bool:
    """Whether the op stands for a tensor that no operator computes."""
    return isinstance(op, Constant) or (isinstance(op, Opaque) and op.opcode == VARIABLE)


def _opcode(op: Op) -> tuple[str, int]:
    """An operator's name and version: the file's where the op still is what the file has."""
    if isinstance(op, Opaque):
        return op.opcode, op.version
    if not op.tflite:
        raise UnsupportedError(f"{op.describe()}: TFLite has no {op.name}")
    versions = [s.version for s in op.sources if s.opcode == op.tflite]
    return op.tflite, max(versions, default=OLDEST.get(op.tflite, 1))


def _code(opcode: str, version: int) -> Table:
    """An operator code; ``BUILTIN_n`` is one that the schema doesn't know."""
    name, _, custom = opcode.partition(":")
    unknown = name.removeprefix("BUILTIN_")
    if name not in NUMBERS and not unknown.isdecimal():
        raise UnsupportedError(f"TFLite has no operator {name}")
    number = NUMBERS[name] if name in NUMBERS else int(unknown)
    fields = {
        "deprecated_builtin_code": min(number, PLACEHOLDER),
        "builtin_code": number,
        "version": version,
    }
    return Table("OperatorCode", fields | ({"custom_code": custom} if ":" in opcode else {}))


def _type_fields(type: TensorType) -> dict[str, Any]:
    """The fields of a Tensor that say what its type is."""
    fields: dict[str, Any] = {
        "shape": np.array(type.shape, np.int32),
        "type": TENSOR_TYPES[type.dtype],
    }
    signature = type.signature or ()
    if -1 in signature and len(signature) == type.rank:
        fields["shape_signature"] = np.array(signature, np.int32)
    if type.quantization is not None:
        fields["quantization"] = _quantization(type.quantization)
    return fields


def _quantization(quantization: Quantization) -> Table:
    fields = {
        "scale": np.array(quantization.scale, np.float32),
        "zero_point": np.array(quantization.zero_point, np.int64),
        "quantized_dimension": quantization.axis,
    }
    return Table("QuantizationParameters", fields)
