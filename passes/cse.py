"""Computes once what several ops compute alike."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Hashable
from typing import Any

from tflgpuc.backends.kernels.computed import inlined
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import BASE_FIELDS, Op, Value, merged_sources
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass

# Elements of a constant that tell most of them apart before all are compared.
PROBE = 64


class Cse(GraphPass, name="cse"):
    """Drops ops of the same kind, attributes and operands as an earlier one, and equal constants.

    The model's outputs stay values of their own, since each is a tensor by itself. So do ops of one
    and the same operand that kernels can compute where they read: stored, they would cost a dispatch.
    """

    def run(self, graph: Graph, target: Target) -> Graph:
        leaders = _Leaders()
        outputs = set(graph.outputs)
        alike: dict[Op, list[Op]] = defaultdict(list)
        for op in graph.ops:
            alone = bool(op.regions) or isinstance(op, Opaque) or not outputs.isdisjoint(op.results)
            leader = op if alone else leaders.of(op)
            alike[op if _is_cheap(op, leader) else leader].append(op)
        if len(alike) == len(graph.ops):
            return graph
        new: dict[Value, Value] = {}
        ops: list[Op] = []
        for leader, members in alike.items():
            op = leader.with_operands(new)
            if len(members) > 1:
                op = dataclasses.replace(op, sources=merged_sources(*members))
            ops.append(op)
            for member in members:
                new.update(
                    (a, b) for a, b in zip(member.results, op.results, strict=True) if a is not b
                )
        return graph.with_ops(tuple(ops), new)


def _is_cheap(op: Op, leader: Op) -> bool:
    """Whether an op is better computed again where it is read: its operands are there anyway."""
    if isinstance(op, Constant) or inlined(op) is None:
        return False
    return all(a is b for a, b in zip(op.operands, leader.operands, strict=True))


class _Leaders:
    """The first op of each kind that was met, and what each value is the same as."""

    def __init__(self) -> None:
        self.same: dict[Value, Value] = {}
        self.known: dict[Hashable, Op] = {}
        self.constants: dict[Hashable, list[Constant]] = defaultdict(list)

    def of(self, op: Op) -> Op:
        """The first op that computes what ``op`` does: itself if there was none."""
        leader = self._constant(op) if isinstance(op, Constant) else self._computed(op)
        self.same.update(zip(op.results, leader.results, strict=True))
        return leader

    def _constant(self, op: Constant) -> Constant:
        data = op.data
        probe = data.reshape(-1)[:PROBE].tobytes()
        met = self.constants[op.type, data.shape, str(data.dtype), probe]
        for other in met:
            # Bytes, since -0 equals 0 and NaN doesn't equal itself.
            if other.data is data or other.data.tobytes() == data.tobytes():
                return other
        met.append(op)
        return op

    def _computed(self, op: Op) -> Op:
        told = [f.name for f in dataclasses.fields(op) if f.name not in BASE_FIELDS]
        parts = tuple(self._part(getattr(op, name)) for name in told)
        key = (type(op), parts, tuple(v.type for v in op.results))
        try:
            return self.known.setdefault(key, op)
        except TypeError:
            # An attribute that isn't hashable: such ops are few, and stay as they are.
            return op

    def _part(self, value: Any) -> Any:
        if isinstance(value, Value):
            return self.same.get(value, value)
        return tuple(map(self._part, value)) if isinstance(value, tuple) else value
