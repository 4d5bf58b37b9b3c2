"""Chooses the element type that tensors are stored in."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

import numpy as np

from tflgpuc.backends.kernels.context import HALF_MAX, stores_half_constants
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.types import NUMPY, DType
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass


class Precision(GraphPass, name="precision"):
    """Stores tensors and weights as f32 or f16; arithmetic stays f32, inputs and outputs as they are.

    With f16 the graph is evaluated once on seeded random inputs with every store rounded. Where an
    output is then off by more than ``bound`` (times the largest of 1 and its range), or anything
    overflows, the ops that it depends on stay f32 from the first on, as many as it takes: what is
    rounded early is amplified by all that follows. A ``bound`` of 0 takes f16 unseen.
    """

    storage: DType = "f32"
    bound: float = 5e-3

    def run(self, graph: Graph, target: Target) -> Graph:
        if self.storage == "f32":
            return graph
        halves: Set[Op] = {
            op for op in graph.ops if isinstance(op, Fused) and op.types[0].layout == "phwc4"
        }
        if self.bound > 0:
            halves = _accurate(graph, halves, self.bound)
        return _stored(graph, halves)


def _stored(graph: Graph, halves: Set[Op]) -> Graph:
    """The graph with the results of some ops as halves."""
    new: dict[Value, Value] = {}
    ops: list[Op] = []
    for old in graph.ops:
        op = old.with_operands(new)
        if old in halves and isinstance(op, Fused):
            op = replace(op, types=(replace(op.types[0], dtype="f16"),))
        ops.append(op)
        new.update(zip(old.results, op.results, strict=True))
    return graph.with_ops(tuple(ops), new)


def _accurate(graph: Graph, halves: Set[Op], bound: float) -> Set[Op]:
    """As many of ``halves`` as keep every output within the bound."""
    rng = np.random.default_rng(0)
    inputs = [rng.uniform(-1, 1, v.type.shape).astype(NUMPY[v.type.dtype]) for v in graph.inputs]
    exact = graph.evaluate(inputs)
    trial = _Trial(graph, inputs, exact, bound)
    kept = set(halves)
    for output in trial.failing(kept):
        cone = [op for op in _cone(graph, output) if op in kept]
        # The shortest prefix of the cone that, kept in f32, saves the output: by bisection.
        low, high = 0, len(cone)
        while low < high:
            middle = (low + high) // 2
            if output in trial.failing(kept - set(cone[:middle])):
                low = middle + 1
            else:
                high = middle
        kept -= set(cone[:low])
    return kept


def _cone(graph: Graph, output: int) -> list[Op]:
    """The ops that an output depends on, in order."""
    needed = {graph.outputs[output]}
    found: list[Op] = []
    for op in reversed(graph.ops):
        if not needed.isdisjoint(op.results):
            found.append(op)
            needed.update(op.operands)
    return found[::-1]


class _Trial:
    """Evaluates a graph with some results rounded to halves."""

    def __init__(self, graph: Graph, inputs: list[Array], exact: list[Array], bound: float) -> None:
        self.graph, self.inputs, self.exact, self.bound = graph, inputs, exact, bound

    def failing(self, halves: Set[Op]) -> list[int]:
        """The outputs that are off by more than the bound."""
        made = self.evaluate(halves)
        found = []
        for i, (want, got) in enumerate(zip(self.exact, made, strict=True)):
            scale = max(1.0, float(np.abs(want).max(initial=0.0)))
            # Written so that NaN fails.
            if not float(np.abs(want - got).max(initial=0.0)) <= self.bound * scale:
                found.append(i)
        return found

    def evaluate(self, halves: Set[Op]) -> list[Array]:
        """The outputs, through halves wherever ``halves`` stores them."""
        arrays = dict(zip(self.graph.inputs, self.inputs, strict=True))
        left = self.graph.uses()
        for op in self.graph.ops:
            (made,) = _rounded(op).evaluate(arrays) if op in halves else op.evaluate(arrays)
            for value in op.operands:
                left[value] -= 1
                if not left[value]:
                    del arrays[value]
            arrays[op.results[0]] = _half(made) if op in halves else made
        return [arrays[v] for v in self.graph.outputs]


def _half(array: Array) -> Array:
    with np.errstate(over="ignore"):
        return array.astype(np.float16).astype(np.float32)


def _rounded(op: Op) -> Op:
    """The op over weights as its kernel would store them; small constants stay accurate there."""
    if not isinstance(op, Fused):
        return op
    half = replace(op, types=(replace(op.types[0], dtype="f16"),))
    if not stores_half_constants(half):
        return op
    new: dict[Value, Value] = {}
    ops: list[Op] = []
    for old in op.body.ops:
        inner = old.with_operands(new)
        if isinstance(inner, Constant) and inner.data.ndim > 1 and inner.type.dtype == "f32":
            inner = replace(inner, data=_half(np.clip(inner.data, -HALF_MAX, HALF_MAX)))
        ops.append(inner)
        new.update(zip(old.results, inner.results, strict=True))
    return replace(op, body=op.body.with_ops(tuple(ops), new))
