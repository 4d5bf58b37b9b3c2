"""One subgraph of a file to a Graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tflgpuc.frontend.flatbuffer import Record
from tflgpuc.frontend.model_file import Opcode, Tensor, ints, item
from tflgpuc.frontend.operator_importer import OperatorImporter
from tflgpuc.frontend.states import RESOURCE_OPCODES, NotFunctional, States, variable_key
from tflgpuc.ir.errors import ModelError, TflgpucError, UsageError
from tflgpuc.ir.graph.declared import MISFITS, opened, operand_fields
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Source, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.opaque import Opaque

if TYPE_CHECKING:
    from tflgpuc.frontend.subgraphs import Subgraphs

# Results of at most this many integers are taken for shapes and indices, and computed at once.
MAX_SHAPE_ELEMENTS = 256
SHAPE_DTYPES = ("i32", "i64", "bool")


class GraphImporter:
    """Walks a subgraph's operators once, in the order in which they run.

    ``shapes`` replaces shapes of inputs by name. ``given`` says, for each input, of what shape the
    values are that the subgraph is run with, and whether that is only a guess.
    """

    def __init__(
        self,
        subgraphs: Subgraphs,
        index: int,
        states: States,
        *,
        shapes: Mapping[str, tuple[int, ...]] | None = None,
        given: Sequence[tuple[tuple[int, ...], bool]] | None = None,
    ) -> None:
        self.subgraphs, self.file, self.index = subgraphs, subgraphs.file, index
        self.record = self.file.subgraphs[index]
        self.tensors = self.file.tensors(index)
        self.name: str = self.record.name or ("main" if index == 0 else f"subgraph_{index}")
        self.states = states
        self._shapes, self._given = shapes or {}, given
        vouched = not self._shapes and given is None
        self.operators = OperatorImporter(subgraphs, index, states, vouched=vouched)
        self._values: dict[int, Value] = {}
        self._constants: dict[int, Constant | None] = {}
        self._ops: dict[Op, None] = {}

    def graph(self) -> Graph:
        """The whole subgraph; ModelError where it's inconsistent."""
        inputs = ints(self.record.inputs)
        self._check_input_names(inputs)
        for position, i in enumerate(inputs):
            self._define(i, self._input(position, i), f"subgraph {self.index}, input")
        given = tuple(self._values[i] for i in inputs)
        for number, record in enumerate(self.record.operators):
            self._operator(number, record)
        outputs = ints(self.record.outputs)
        results = tuple(self._value(i, f"subgraph {self.index}, output") for i in outputs)
        kept = self.states.ends()
        results += tuple(after for _, _, after in kept)
        self._append_constants(results)
        return Graph(
            (*given, *(before for _, before, _ in kept)),
            ops=tuple(self._ops),
            outputs=results,
            name=self.name,
            input_names=tuple(self.tensors[i].name for i in inputs),
            output_names=tuple(self.tensors[i].name for i in outputs),
            states=tuple(state for state, _, _ in kept),
        )

    # --- values ---

    def _tensor(self, index: int, where: str) -> Tensor:
        return item(self.tensors, index, f"{where}: tensor")  # type: ignore[no-any-return]

    def _check_input_names(self, inputs: tuple[int, ...]) -> None:
        where = f"subgraph {self.index}, input"
        known = {self._tensor(i, where).name: self.tensors[i].type for i in inputs}
        for name in self._shapes:
            if name not in known:
                listed = ", ".join(f"{k!r} ({t})" for k, t in known.items()) or "none"
                raise UsageError(f"no input {name!r}; the model's inputs are: {listed}")

    def _input(self, position: int, index: int) -> Value:
        tensor = self.tensors[index]
        shape, dynamic = self._shapes.get(tensor.name, tensor.type.shape), False
        if self._given is not None:
            shape, dynamic = self._given[position]
        type = replace(tensor.type, shape=shape)
        value = Value(opened(type) if dynamic else type, tensor.name)
        if dynamic or shape != tensor.type.shape:
            self.operators.reshaped.add(value)
        return value

    def _define(self, index: int, value: Value, where: str) -> None:
        if index in self._values:
            name = self._tensor(index, where).name
            raise ModelError(f"{where}: tensor {index} ({name!r}) is already defined")
        self._values[index] = value

    def _constant(self, index: int) -> Constant | None:
        """A tensor's constant, which isn't an op of the graph until something reads its value."""
        if index not in self._constants:
            tensor = self.tensors[index]
            data = self.file.constant(tensor)
            made = None
            if data is not None:
                made = Constant(data=data, type=tensor.type, names=(tensor.name,))
            self._constants[index] = made
        return self._constants[index]

    def _value(self, index: int, where: str) -> Value:
        """The value that a tensor holds at this point of the graph."""
        tensor = self._tensor(index, where)
        if index in self.states.handles:
            raise NotFunctional(resources=True)
        if index in self._values:
            return self._values[index]
        if tensor.variable and self.states.tensors:
            return self.states.read_tensor(index, tensor)
        op: Op | None = self._constant(index)
        if op is None and tensor.variable:
            op = Opaque(
                inputs=(),
                opcode="VARIABLE_TENSOR",
                types=(tensor.type,),
                reason="a variable tensor keeps its data from one run to the next",
                names=(tensor.name,),
            )
        if op is None:
            raise ModelError(
                f"{where}: tensor {index} ({tensor.name!r}) is read before anything defines it"
            )
        self._values[index] = op.result
        return op.result

    def _append_constants(self, values: Iterable[Value]) -> None:
        """Adds the ops without operands that define ``values``, unless they are there already."""
        self._ops.update(dict.fromkeys(v.op for v in values if v.op and not v.op.operands))

    # --- operators ---

    def _operator(self, number: int, record: Record) -> None:
        place = f"subgraph {self.index}, op {number}"
        code: Opcode = item(self.file.opcodes, record.opcode_index, f"{place}: operator code")
        inputs, outputs = ints(record.inputs), ints(record.outputs)
        results = [self._tensor(i, f"{place}: output") for i in outputs]
        names = tuple(t.name for t in results)
        source = Source(self.index, number, code.name, names, code.version)
        for i in outputs:
            if i in self._constants:
                raise ModelError(f"{source}: writes the constant {self.tensors[i].name!r}")
        if self._folded(code, inputs, outputs, source):
            return
        if code.name in RESOURCE_OPCODES and self.states.resources:
            self._resource(code, record, inputs, results, source)
            return
        operands = [None if i == -1 else self._value(i, str(source)) for i in inputs]
        op = self.operators.op(code, record, operands, results, source)
        self._trace(op, results, inputs)
        if self._computed(op, outputs):
            return
        for index, value in zip(outputs, op.results, strict=False):
            self._define(index, value, str(source))
        for index, value in zip(
            self._updated(type(op), inputs), op.results[len(outputs) :], strict=True
        ):
            if index in self._values:
                # A variable that is an input is no state: the caller keeps it.
                self._values[index] = value
            else:
                self.states.write(index, value)
        self._append_constants(op.operands)
        self._ops[op] = None

    def _trace(self, op: Op, results: Sequence[Tensor], inputs: tuple[int, ...]) -> None:
        """Notes which results have other shapes than the file says; no state passes an opaque op."""
        for value, tensor in zip(op.results, results, strict=False):
            if value.type.shape != tensor.type.shape:
                self.operators.reshaped.add(value)
        if isinstance(op, Opaque) and self.states.tensors and any(map(self._is_state, inputs)):
            raise NotFunctional(resources=False)

    def _is_state(self, index: int) -> bool:
        return index >= 0 and self.tensors[index].variable and index not in self._values

    def _updated(self, cls: type[Op], inputs: tuple[int, ...]) -> list[int]:
        """The variable tensors that an operator updates."""
        fields = operand_fields(cls)
        return [inputs[fields.index(name)] for name in cls.states]

    def _resource(
        self,
        code: Opcode,
        record: Record,
        inputs: tuple[int, ...],
        results: Sequence[Tensor],
        source: Source,
    ) -> None:
        """Does at once what an operator does with resource variables."""
        options, _ = self.operators.options(record, source)
        outputs, handles = ints(record.outputs), self.states.handles
        match code.name, len(inputs), len(outputs):
            case "CALL_ONCE", 0, 0:
                self.states.initialize(self.subgraphs.init(options.get("init_subgraph_index", -1)))
            case "VAR_HANDLE", 0, 1:
                handles[outputs[0]] = variable_key(options)
            case "READ_VARIABLE", 1, 1 if inputs[0] in handles:
                key = handles[inputs[0]]
                value = self.states.read(key, key[1], results[0].type)
                if value.type.shape != results[0].type.shape:
                    self.operators.reshaped.add(value)
                self._define(outputs[0], value, str(source))
            case "ASSIGN_VARIABLE", 2, 0 if inputs[0] in handles:
                self.states.write(handles[inputs[0]], self._value(inputs[1], str(source)))
            case _:
                raise NotFunctional(resources=True)

    def _computed(self, op: Op, outputs: tuple[int, ...]) -> bool:
        """Whether the op is shape arithmetic, which is done here: later ops' types depend on it."""
        known = {v: v.constant for v in op.operands}
        of_shape = op.tflite in ("SHAPE", "RANK")
        if isinstance(op, Opaque) or op.regions or any(v.type.dynamic for v in op.operands):
            return False
        if not of_shape and (not known or any(data is None for data in known.values())):
            return False
        for value in op.results:
            if value.type.dtype not in SHAPE_DTYPES or value.type.size > MAX_SHAPE_ELEMENTS:
                return False
        if any(index in self._values for index in outputs):
            return False
        self.file.reader.spend(sum(v.type.size for v in op.operands if not of_shape))
        try:
            arrays = {
                v: np.broadcast_to(np.zeros((), np.bool_), v.type.shape) if data is None else data
                for v, data in known.items()
            }
            made = op.evaluate(arrays)
        except (*MISFITS, TflgpucError):
            return False
        for index, value, data in zip(outputs, op.results, made, strict=True):
            self._constants[index] = Constant(
                data=data, type=value.type, names=(value.name,), sources=op.sources
            )
        return True

    def _folded(
        self, code: Opcode, inputs: tuple[int, ...], outputs: tuple[int, ...], source: Source
    ) -> bool:
        """Whether the operator only unpacks a constant: f16 to f32, or sparse to dense."""
        if code.name not in ("DEQUANTIZE", "DENSIFY") or not len(inputs) == len(outputs) == 1:
            return False
        (index,), (result,) = inputs, outputs
        tensor = self._tensor(index, str(source))
        packed = None if index in self._values else self._constant(index)
        if packed is None or (code.name == "DEQUANTIZE" and tensor.type.dtype != "f16"):
            return False
        data, target = packed.data, self.tensors[result]
        if code.name == "DEQUANTIZE":
            data = self.file.as_f32(data, str(source))
        wanted = "f32" if code.name == "DEQUANTIZE" else packed.type.dtype
        if target.type.dtype != wanted or target.type.shape != packed.type.shape:
            raise ModelError(f"{source}: makes {target.type} of a constant {packed.type}")
        if result in self._values:
            raise ModelError(f"{source}: tensor {result} ({target.name!r}) is already defined")
        self._constants[result] = Constant(
            data=data, type=target.type, names=(target.name,), sources=(source,)
        )
        return True
