"""A graph: inputs, ops in the order they run, outputs. Immutable; a rewrite makes a new one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tflgpuc.ir.errors import VerifyError
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.types import TensorType


@dataclass(frozen=True, eq=False)
class State:
    """A tensor kept from one run to the next; ``initial`` None is zeros."""

    name: str
    type: TensorType
    initial: Array | None = None


@dataclass(frozen=True, eq=False)
class Graph:
    """SSA: each op reads graph inputs and results of ops before it.

    The last ``len(states)`` inputs and outputs are the states' values before and after a run.
    """

    inputs: tuple[Value, ...]
    ops: tuple[Op, ...]
    outputs: tuple[Value, ...]
    name: str = "main"
    input_names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()
    states: tuple[State, ...] = ()

    def uses(self) -> Counter[Value]:
        """How often each value is read; being an output is one more read."""
        return Counter([*self.outputs, *(v for op in self.ops for v in op.operands)])

    def walk(self) -> Iterator[Op]:
        """Every op, those in regions after the op that holds them."""
        for op in self.ops:
            yield op
            for region in op.regions.values():
                yield from region.walk()

    def verify(self) -> None:
        """Raises VerifyError where a value is read before it is defined, or an op is ill-formed."""
        known = set(self.inputs)
        for op in self.ops:
            for i, value in enumerate(op.operands):
                if value not in known:
                    raise VerifyError(
                        f"{op.describe()}: operand {i} ({value!r}) is not defined yet"
                    )
            op.verify()
            for region in op.regions.values():
                region.verify()
            known.update(op.results)
        for i, value in enumerate(self.outputs):
            if value not in known:
                raise VerifyError(f"graph {self.name!r}: output {i} ({value!r}) is never defined")
        self._verify_states()

    def _verify_states(self) -> None:
        count = len(self.states)
        if count > min(len(self.inputs), len(self.outputs)):
            raise VerifyError(
                f"graph {self.name!r}: {count} states need as many inputs and outputs"
            )
        if len({s.name for s in self.states}) != count:
            raise VerifyError(f"graph {self.name!r}: two states share a name")
        for ports in (self.inputs, self.outputs):
            for state, value in zip(self.states, ports[len(ports) - count :], strict=True):
                if value.type.shape != state.type.shape:
                    raise VerifyError(f"state {state.name!r} of {state.type} is {value!r}")
        for state in self.states:
            if state.initial is not None and state.initial.shape != state.type.shape:
                raise VerifyError(
                    f"state {state.name!r} of {state.type}: initial data of another shape"
                )

    def evaluate(self, inputs: Mapping[Value, Array] | list[Array]) -> list[Array]:
        """The outputs by NumPy references; arrays are dropped after their last use."""
        given = dict(zip(self.inputs, inputs, strict=True)) if isinstance(inputs, list) else inputs
        arrays: dict[Value, Array] = dict(given)
        left = self.uses()
        for op in self.ops:
            made = op.evaluate(arrays)
            for value in op.operands:
                left[value] -= 1
                if not left[value]:
                    arrays.pop(value, None)
            arrays.update((v, a) for v, a in zip(op.results, made, strict=True) if left[v] > 0)
        return [arrays[v] for v in self.outputs]

    def with_ops(self, ops: tuple[Op, ...], new: Mapping[Value, Value] | None = None) -> Graph:
        """The graph with other ops, its outputs read through ``new``."""
        moved = new or {}
        return replace(self, ops=ops, outputs=tuple(moved.get(v, v) for v in self.outputs))


@dataclass(frozen=True)
class Signature:
    """A named entry point: argument names to input and output positions of one subgraph."""

    key: str
    graph: int
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Module:
    """All subgraphs of a model; the first is what runs."""

    graphs: tuple[Graph, ...]
    name: str = "model"
    description: str = ""
    signatures: tuple[Signature, ...] = ()
    metadata: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def main(self) -> Graph:
        """The subgraph that a run executes."""
        return self.graphs[0]
