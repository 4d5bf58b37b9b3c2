"""What a model keeps from one run to the next, as values: variable tensors and resource variables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tflgpuc.frontend.model_file import Tensor
from tflgpuc.ir.errors import TflgpucError
from tflgpuc.ir.graph.declared import MISFITS
from tflgpuc.ir.graph.graph import Graph, State
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.graph.types import NUMPY, TensorType

# A variable tensor's index, or a resource variable's container and name.
Key = int | tuple[str, str]
RESOURCE_OPCODES = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")
# Initial values of more bytes in all are computed by TFLite.
MAX_INITIAL_BYTES = 1 << 28
MAX_INITIAL_MACS = 1 << 28


class NotFunctional(Exception):
    """A state that can't be followed as values; ``resources`` says of which kind it is."""

    def __init__(self, *, resources: bool) -> None:
        super().__init__("resource variables" if resources else "variable tensors")
        self.resources = resources


class States:
    """The states of a graph under construction: each one's value before a run, and its latest one.

    ``tensors`` and ``resources`` say which kinds are followed. A state comes to be when something
    reads it that no operator before has written: nothing else of it outlasts a run.
    """

    def __init__(self, *, tensors: bool, resources: bool) -> None:
        self.tensors, self.resources = tensors, resources
        self.handles: dict[int, tuple[str, str]] = {}
        self._latest: dict[Key, Value] = {}
        self._initial: dict[Key, Array] = {}
        self._kept: dict[Key, tuple[State, Value]] = {}

    def read(self, key: Key, name: str, type: TensorType) -> Value:
        """A state's latest value; NotFunctional where it's of another type."""
        if key not in self._latest:
            initial = self._initial.get(key)
            if initial is not None and not (type.shape and -1 not in (type.signature or ())):
                type = replace(type, shape=initial.shape, signature=initial.shape)
            if type.dtype not in NUMPY or (initial is not None and not _fits(initial, type)):
                raise NotFunctional(resources=not isinstance(key, int))
            value = Value(type, self._unique(name))
            self._kept[key] = State(value.name, type, initial), value
            self._latest[key] = value
        latest = self._latest[key]
        if latest.type.dtype != type.dtype:
            raise NotFunctional(resources=not isinstance(key, int))
        return latest

    def read_tensor(self, index: int, tensor: Tensor) -> Value:
        """A variable tensor's latest value."""
        type = tensor.type
        q = type.quantization
        if type.dtype == "i8" and q is not None and q.zero_point[0] and index not in self._kept:
            # TFLite sets int8 variables to what stands for 0, and all others to zero bytes.
            self._initial[index] = np.full(type.shape, q.zero_point[0], np.int8)
        return self.read(index, tensor.name, type)

    def write(self, key: Key, value: Value) -> None:
        """Makes ``value`` a state's latest one."""
        if value.type.dynamic:
            raise NotFunctional(resources=not isinstance(key, int))
        self._latest[key] = value

    def initialize(self, init: Graph) -> None:
        """What a subgraph writes that runs once, before all others; NotFunctional where unclear."""
        if self._latest:
            raise NotFunctional(resources=True)
        self._initial.update(written_by(init))

    def ends(self) -> tuple[tuple[State, Value, Value], ...]:
        """Each state, its value before the run, and that after it."""
        found = []
        for key, (state, before) in self._kept.items():
            after = self._latest[key]
            if not _alike(after.type, state.type):
                raise NotFunctional(resources=not isinstance(key, int))
            found.append((state, before, after))
        return tuple(found)

    def _unique(self, name: str) -> str:
        taken = {state.name for state, _ in self._kept.values()}
        unique, suffix = name or "state", 0
        while unique in taken:
            suffix += 1
            unique = f"{name}_{suffix}"
        return unique


def written_by(init: Graph) -> dict[Key, Array]:
    """The variables that a subgraph without inputs assigns, by running it here.

    Raises NotFunctional where it does something else that outlasts it, or too much.
    """
    arrays: dict[Value, Array] = {}
    handles: dict[Value, Key] = {}
    found: dict[Key, Array] = {}
    steps: dict[str, Callable[[Opaque], None]] = {
        "VAR_HANDLE": lambda op: handles.update({op.results[0]: variable_key(dict(op.options))}),
        "READ_VARIABLE": lambda op: arrays.update({op.results[0]: found[handles[op.inputs[0]]]}),
        "ASSIGN_VARIABLE": lambda op: found.update({handles[op.inputs[0]]: arrays[op.inputs[1]]}),
    }
    left, macs = MAX_INITIAL_BYTES, MAX_INITIAL_MACS
    try:
        for op in init.ops:
            if isinstance(op, Opaque):
                steps[op.opcode](op)
                continue
            left -= sum(0 if isinstance(op, Constant) else v.type.bytes for v in op.results)
            macs -= op.macs()
            if left < 0 or macs < 0 or not _plain(op):
                raise NotFunctional(resources=True)
            arrays.update(zip(op.results, op.evaluate(arrays), strict=True))
    except (*MISFITS, TflgpucError):
        raise NotFunctional(resources=True) from None
    return found


def variable_key(options: dict[str, object]) -> tuple[str, str]:
    """What identifies the variable of a VAR_HANDLE with these options."""
    return str(options.get("container") or ""), str(options.get("shared_name") or "")


def _plain(op: Op) -> bool:
    """Whether a reference computes what TFLite does: it sees quantised numbers as they are."""
    computes = not isinstance(op, Constant)
    quantised = any(v.type.quantization is not None for v in (*op.operands, *op.results))
    return not op.regions and not (computes and quantised)


def _fits(data: Array, type: TensorType) -> bool:
    return data.shape == type.shape and data.dtype == NUMPY.get(type.dtype)


def _alike(a: TensorType, b: TensorType) -> bool:
    """Whether the same bytes mean the same."""
    scales = a.dtype in ("f16", "f32", "f64") or a.quantization == b.quantization
    return a.dtype == b.dtype and a.shape == b.shape and scales
