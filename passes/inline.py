"""Puts graphs that ops run in their place, where it's known at compile time what runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tflgpuc.ir.errors import TflgpucError, VerifyError
from tflgpuc.ir.graph.declared import MISFITS, settled
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Array, Op, Source, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.if_ import If
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.graph.ops.stablehlo_composite import StablehloComposite
from tflgpuc.ir.graph.ops.while_ import While
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass

# Results of at most this many integers are computed at once: loop counters, shapes and indices.
MAX_ELEMENTS = 256
# How many times `ops` may be looked at in all, with those of loops that turn out to be too long.
ATTEMPTS = 8
# Operators that keep something of their own from one time that they run to the next.
PRIVATE = ("VARIABLE_TENSOR", "RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL", "MULTINOMIAL")


class Inline(GraphPass, name="inline"):
    """Inlines composites and branches that are always taken, unrolls loops of known length.

    ``iterations`` bounds each loop, ``ops`` the graph that all of it makes. Operators whose operands
    thereby become known stop being opaque.
    """

    iterations: int = 64
    ops: int = 4096

    def run(self, graph: Graph, target: Target) -> Graph:
        if not any(op.regions for op in graph.ops):
            return graph
        work = _Inliner(self.iterations, len(graph.ops) + self.ops)
        try:
            outputs = work.graph(graph, graph.inputs, ())
        except (*MISFITS, TflgpucError):
            # A model that contradicts itself is TFLite's to refuse, when it runs.
            return graph
        made = replace(graph, ops=tuple(work.ops), outputs=tuple(outputs))
        return _without_unused(made)


class _TooLong(Exception):
    """There is no room for all the ops."""


class _Inliner:
    """The ops of the graph under construction."""

    def __init__(self, iterations: int, room: int) -> None:
        self.ops: dict[Op, None] = {}
        self.iterations, self.room = iterations, room
        self.attempts = ATTEMPTS * room

    def graph(
        self, graph: Graph, given: Sequence[Value], sources: tuple[Source, ...]
    ) -> list[Value]:
        """Places the ops of a graph that runs on ``given``, for ``sources``; gives its outputs."""
        _check_alike(given, graph.inputs)
        self._spend(nested=bool(sources))
        new = dict(zip(graph.inputs, given, strict=True))
        for old in graph.ops:
            results = self.place(old, old.with_operands(new), sources)
            new.update(zip(old.results, results, strict=True))
        return [new.get(v, v) for v in graph.outputs]

    def place(self, old: Op, op: Op, sources: tuple[Source, ...]) -> Sequence[Value]:
        """Places an op, or what it runs; ``old`` is the op before its operands were known."""
        if sources and not isinstance(op, Constant):
            # TFLite runs an operator of a subgraph anew each time, so nothing is shared.
            op = replace(op, sources=tuple(dict.fromkeys((*op.sources, *sources))))
        if isinstance(op, Opaque) and op is not old:
            op = settled(op) or op
        self._spend(nested=bool(sources))
        inlined = self._inlined(op)
        if inlined is None:
            inlined = self._computed(op)
        if inlined is not None:
            return inlined
        op.verify()
        self.ops[op] = None
        return op.results

    def _spend(self, *, nested: bool) -> None:
        self.attempts -= 1
        if nested and (len(self.ops) > self.room or self.attempts < 0):
            raise _TooLong

    def _inlined(self, op: Op) -> Sequence[Value] | None:
        """What an op gives once that is placed which it runs; None where it stays."""
        if not op.regions or any(_private(g) for g in op.regions.values()):
            return None
        if any(v.type.dynamic for v in op.operands):
            # Inside, shapes are those of operands that are known.
            return None
        before = len(self.ops)
        try:
            made = self._run(op)
            if made is not None:
                _check_alike(made, op.results)
                return made
        except (_TooLong, *MISFITS, TflgpucError):
            # It stays what the file has, for TFLite to run or to refuse.
            pass
        self._back(before)
        return None

    def _run(self, op: Op) -> Sequence[Value] | None:
        match op:
            case StablehloComposite():
                return self.graph(op.decomposition, op.inputs, op.sources)
            case If() if op.cond.constant is not None:
                taken = op.cond.constant.reshape(-1)[0]
                branch = op.then_branch if taken else op.else_branch
                return self.graph(branch, op.inputs, op.sources)
            case While():
                return self._unrolled(op)
        return None

    def _back(self, count: int) -> None:
        """Takes back all but the first ops."""
        while len(self.ops) > count:
            self.ops.popitem()

    def _unrolled(self, loop: While) -> Sequence[Value] | None:
        """The values after the loop; None where its length isn't known, or it's too long."""
        values: Sequence[Value] = loop.inputs
        for _ in range(self.iterations + 1):
            before = len(self.ops)
            (answer,) = self.graph(loop.cond, values, loop.sources)
            self._back(before)
            if answer.constant is None:
                return None
            if not answer.constant.reshape(-1)[0]:
                return values
            values = self.graph(loop.body, values, loop.sources)
            if any(v.type.dynamic for v in values):
                return None
        return None

    def _computed(self, op: Op) -> Sequence[Value] | None:
        """The constants that an op gives which computes small integers from constants."""
        if isinstance(op, Constant | Opaque) or op.regions or not op.operands:
            return None
        of_shape = op.tflite in ("SHAPE", "RANK")
        known: dict[Value, Array] = {}
        for value in op.operands:
            data = value.constant
            if of_shape and not value.type.dynamic:
                data = np.broadcast_to(np.zeros((), np.bool_), value.type.shape)
            if data is None or (value.type.quantization is not None and not of_shape):
                return None
            known[value] = data
        for value in op.results:
            if value.type.dtype not in ("i32", "i64", "bool") or value.type.size > MAX_ELEMENTS:
                return None
        made = [
            Constant(data=data, type=value.type, names=(value.name,), sources=op.sources)
            for value, data in zip(op.results, op.evaluate(known), strict=True)
        ]
        self.ops.update(dict.fromkeys(made))
        return [constant.result for constant in made]


def _private(graph: Graph) -> bool:
    """Whether a graph has operators that mustn't be told apart from one time it runs to the next."""
    return any(
        isinstance(op, Opaque) and (op.opcode in PRIVATE or op.opcode.startswith("CUSTOM:"))
        for op in graph.walk()
    )


def _check_alike(given: Sequence[Value], wanted: Sequence[Value]) -> None:
    """Raises VerifyError unless values can stand for others; TFLite copies their bytes."""
    for a, b in zip(given, wanted, strict=True):
        if a.type.dtype != b.type.dtype or a.type.quantization != b.type.quantization:
            raise VerifyError(f"{a!r} and {b!r} are of different types")


def _without_unused(graph: Graph) -> Graph:
    """The graph without what nobody reads; operators that nothing is known of may do more."""
    needed = set(graph.outputs)
    kept: list[Op] = []
    for op in reversed(graph.ops):
        unknown = isinstance(op, Opaque) or bool(op.regions)
        if unknown or not needed.isdisjoint(op.results):
            kept.append(op)
            needed.update(op.operands)
    return replace(graph, ops=tuple(reversed(kept)))
