"""One subgraph of a file to a Graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import tflgpuc.ir.graph.ops  # noqa: F401  (registers the ops)
from tflgpuc.frontend.flatbuffer import Record
from tflgpuc.frontend.model_file import ModelFile, Opcode, Tensor, ints, item, possible
from tflgpuc.frontend.schema import decode_options
from tflgpuc.ir.errors import (
    ModelError,
    TflgpucError,
    UnsupportedError,
    UsageError,
    VerifyError,
)
from tflgpuc.ir.graph.elementwise import Binary
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import TFLITE_OPS, NotStatic, Op, Source, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.tflite_schema import TFLITE_NAMES

Operands = Sequence[Value | None]
# What an op's own code may raise on operands that its verify() should have refused.
MISFITS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
)
# Results of at most this many integers are taken for shapes and indices, and computed at once.
MAX_SHAPE_ELEMENTS = 256
AT_RUN_TIME = "shapes that it depends on are only known at run time"
SHAPE_DTYPES = ("i32", "i64", "bool")


def positional(cls: type[Op], operands: Operands) -> dict[str, Any]:
    """The operand fields of ``cls`` from TFLite's input list; VerifyError where they don't fit."""
    kinds = [(k, kind) for k, kind in cls.kinds().items() if kind not in ("attribute", "region")]
    left = list(operands)
    found: dict[str, Any] = {}
    for i, (name, kind) in enumerate(kinds):
        if kind == "variadic":
            count = max(0, len(left) - (len(kinds) - i - 1))
            found[name], left = tuple(left[:count]), left[count:]
            if None in found[name]:
                raise VerifyError(f"operand {name!r} has gaps")
            continue
        value = left.pop(0) if left else None
        if value is None and kind == "operand":
            raise VerifyError(f"operand {name!r} is missing")
        found[name] = value
    if any(value is not None for value in left):
        raise UnsupportedError(f"{len(operands)} operands, at most {len(kinds)} are known")
    return found


class GraphImporter:
    """Walks a subgraph's operators once, in the order in which they run."""

    def __init__(self, file: ModelFile, index: int, input_shapes: Mapping[str, tuple[int, ...]]):
        self.file, self.index = file, index
        self.record = file.subgraphs[index]
        self.tensors = file.tensors(index)
        self.name: str = self.record.name or ("main" if index == 0 else f"subgraph_{index}")
        self._shapes = input_shapes
        self._values: dict[int, Value] = {}
        self._constants: dict[int, Constant | None] = {}
        # Values whose type isn't what the file says, and values whose type nothing vouches for.
        self._reshaped: set[Value] = set()
        self._open: set[Value] = set()
        self._ops: dict[Op, None] = {}

    def graph(self) -> Graph:
        """The whole subgraph; ModelError where it's inconsistent."""
        inputs = ints(self.record.inputs)
        self._check_input_names(inputs)
        for i in inputs:
            self._define(i, self._input(i), f"subgraph {self.index}, input")
        for number, record in enumerate(self.record.operators):
            self._operator(number, record)
        outputs = ints(self.record.outputs)
        results = tuple(self._value(i, f"subgraph {self.index}, output") for i in outputs)
        self._append_constants(results)
        return Graph(
            tuple(self._values[i] for i in inputs),
            ops=tuple(self._ops),
            outputs=results,
            name=self.name,
            input_names=tuple(self.tensors[i].name for i in inputs),
            output_names=tuple(self.tensors[i].name for i in outputs),
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

    def _input(self, index: int) -> Value:
        tensor = self.tensors[index]
        shape = self._shapes.get(tensor.name, tensor.type.shape)
        value = Value(replace(tensor.type, shape=shape), tensor.name)
        if shape != tensor.type.shape:
            self._reshaped.add(value)
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
        if index in self._values:
            return self._values[index]
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
        operands = [None if i == -1 else self._value(i, str(source)) for i in inputs]
        op = self._op(code, record, operands, results, source)
        self._trace(op, results)
        if self._computed(op, outputs):
            return
        for index, value in zip(outputs, op.results, strict=True):
            self._define(index, value, str(source))
        self._append_constants(op.operands)
        self._ops[op] = None

    def _trace(self, op: Op, results: Sequence[Tensor]) -> None:
        """Notes which results have other types than the file says, or types that are a guess."""
        opaque = isinstance(op, Opaque)
        reshaped = any(value in self._reshaped for value in op.operands)
        for value, tensor in zip(op.results, results, strict=True):
            if value.type.shape != tensor.type.shape:
                self._reshaped.add(value)
            if opaque and (reshaped or not tensor.settled):
                self._open.add(value)

    def _computed(self, op: Op, outputs: tuple[int, ...]) -> bool:
        """Whether the op is shape arithmetic, which is done here: later ops' types depend on it."""
        known = {v: v.constant for v in op.operands}
        of_shape = op.tflite in ("SHAPE", "RANK")
        if isinstance(op, Opaque) or any(v in self._open for v in op.operands):
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

    def _op(
        self,
        code: Opcode,
        record: Record,
        operands: Operands,
        results: Sequence[Tensor],
        source: Source,
    ) -> Op:
        options, unknown = self._options(record, source)
        if code.name == "CAST" and operands and operands[0] and results:
            # TFLite's kernel looks at the tensors alone; some converters write no options.
            options |= {
                "in_data_type": TFLITE_NAMES[operands[0].type.dtype],
                "out_data_type": TFLITE_NAMES[results[0].type.dtype],
            }
        if code.name in ("QUANTIZE", "BITCAST") and results:
            options["out_data_type"] = TFLITE_NAMES[results[0].type.dtype]
        cls = TFLITE_OPS.get(code.name)
        guessed = any(value in self._open for value in operands)
        vouched = not self._shapes and all(t.settled for t in results)
        reason = f"its options are of a kind ({unknown}) that is newer than the schema"
        if cls is None:
            reason = "no such operation is known"
        elif guessed and not vouched:
            reason = AT_RUN_TIME
        elif not unknown:
            try:
                return self._known(cls, options, operands, results, source)
            except (NotStatic, UnsupportedError) as error:
                reason = str(error).removeprefix(f"{source}: ")
            except (ModelError, UsageError):
                if not guessed:
                    raise
                reason = AT_RUN_TIME
        if any(value in self._reshaped for value in operands):
            reason += "; the types of its results are the file's, from before an input's new shape"
        custom = options.pop("custom_options", b"")
        return Opaque(
            inputs=tuple(value for value in operands if value is not None),
            opcode=code.name,
            version=code.version,
            options=tuple(options.items()),
            custom_options=custom,
            absent=tuple(i for i, value in enumerate(operands) if value is None),
            types=tuple(t.type for t in results),
            intermediates=tuple(
                self._tensor(i, f"{source}: intermediate").type for i in ints(record.intermediates)
            ),
            reason=reason,
            sources=(source,),
            names=source.outputs,
        )

    def _options(self, record: Record, source: Source) -> tuple[dict[str, Any], int]:
        """An operator's decoded options, and the kind of its options table if that's unknown."""
        options: dict[str, Any] = {}
        unknown = 0
        for field in ("builtin_options", "builtin_options2"):
            table = getattr(record, field)
            if table is not None:
                options |= decode_options(table)
            elif getattr(record, field + "_type"):
                unknown = getattr(record, field + "_type")
        custom = self.file.custom_options(record)
        if custom or source.opcode.startswith("CUSTOM:"):
            options["custom_options"] = custom
        self.file.note_calls(self.index, options, str(source))
        return options, unknown

    def _known(
        self,
        cls: type[Op],
        options: Mapping[str, Any],
        operands: Operands,
        results: Sequence[Tensor],
        source: Source,
    ) -> Op:
        """The op with its types inferred; ModelError where the file contradicts them."""
        for name in ("num", "num_splits"):
            # Before anything makes a list of that length.
            if options.get(name, 0) > len(results):
                raise ModelError(f"{source}: {name} {options[name]}, but {len(results)} results")
        try:
            op = cls(
                **positional(cls, operands),
                **cls.from_tflite(options),
                sources=(source,),
                names=source.outputs,
                quantization=tuple(t.type.quantization for t in results),
            )
            op.verify()
            made = [value.type for value in op.results]
        except (NotStatic, UnsupportedError):
            raise
        except VerifyError as error:
            raise self._misfit(source, str(error).removeprefix(f"{source}: ")) from error
        except MISFITS as error:
            raise self._misfit(source, f"operands and options do not fit ({error})") from error
        if len(made) != len(results):
            raise ModelError(f"{source}: has {len(results)} results, not {len(made)}")
        for type, tensor in zip(made, results, strict=True):
            self._check_result(op, type, tensor, source)
            if type.shape != tensor.type.shape and any(v in self._open for v in op.operands):
                raise UnsupportedError(AT_RUN_TIME)
        return op

    def _check_result(self, op: Op, type: TensorType, tensor: Tensor, source: Source) -> None:
        # TFLite's arithmetic of two operands sets its result's type, whatever the file says.
        if type.dtype != tensor.type.dtype and not isinstance(op, Binary):
            if any(value.type.quantization is not None for value in op.operands):
                raise UnsupportedError(f"makes {tensor.type.dtype} of quantised {type.dtype}")
            raise ModelError(
                f"{source}: result {tensor.name!r} is {type.dtype}, the file says "
                f"{tensor.type.dtype}"
            )
        if not possible(type.shape):
            raise self._misfit(source, f"result {tensor.name!r} would be {type}")

    def _misfit(self, source: Source, problem: str) -> ModelError | UsageError:
        """What to raise: the file's fault, or that of the shapes that were asked for."""
        if self._reshaped:
            return UsageError(f"{source}: {problem}, with the input shapes that were asked for")
        return ModelError(f"{source}: {problem}")
