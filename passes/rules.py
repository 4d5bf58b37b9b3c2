"""Rewrite rules as typed functions, driven to a fixed point."""

from __future__ import annotations

import inspect
import typing
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tflgpuc.ir.errors import PassError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Source, Value, provenance
from tflgpuc.ir.target import Target


@dataclass
class Tracer:
    """Counts what each rule did, and keeps why it didn't fire.

    ``refusals`` has the last reason of each rule for what comes of the same operators; ``considered``
    the ops whose costs were compared, each with the rule or pass that did.
    """

    fired: Counter[str] = field(default_factory=Counter)
    refused: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    refusals: dict[tuple[str, tuple[Source, ...]], str] = field(default_factory=dict)
    considered: list[tuple[str, Op]] = field(default_factory=list)

    def report(self) -> list[str]:
        """One line a rule that fired, one a reason that a rule gave for not firing."""
        lines = [f"{name}: fired {n} times" for name, n in sorted(self.fired.items())]
        for name, reasons in sorted(self.refused.items()):
            lines += [f"{name}: refused {n} times: {why}" for why, n in reasons.most_common()]
        return lines


@dataclass
class Match:
    """What a rule may ask about the graph around the op it is tried on."""

    uses: Counter[Value]
    target: Target
    tracer: Tracer
    rule: str = ""
    op: Op | None = None

    def only_use(self, value: Value) -> bool:
        """Whether nothing else reads ``value``."""
        return self.uses[value] == 1

    def no(self, reason: str) -> None:
        """Records why the rule doesn't apply; ``return match.no("...")`` reads well."""
        self.tracer.refused[self.rule][reason] += 1
        if self.op is not None:
            self.tracer.refusals[self.rule, self.op.sources] = reason

    def consider(self, *ops: Op) -> None:
        """Notes ops whose costs the rule compares."""
        self.tracer.considered.extend((self.rule, op) for op in ops)


Replacement = Op | Value | tuple[Value, ...] | None
Rule = Callable[[Any, Match], Replacement]


@dataclass
class Rules:
    """A set of rules, tried on every op until none applies.

    Used as a decorator: the annotation of a rule's first parameter is the class of op that it is tried
    on. A rule returns what to have instead, as an op, a value or one value a result, or None.
    """

    name: str
    rules: list[tuple[type[Op], Rule]] = field(default_factory=list)

    def __call__(self, rule: Rule) -> Rule:
        first = next(iter(inspect.signature(rule).parameters))
        self.rules.append((typing.get_type_hints(rule)[first], rule))
        return rule

    def apply(
        self, graph: Graph, target: Target, tracer: Tracer | None = None, limit: int = 200
    ) -> Graph:
        """The graph once no rule applies; raises PassError if that doesn't happen."""
        seen = tracer or Tracer()
        for _ in range(limit):
            before, graph = graph, self._sweep(graph, target, seen)
            if graph is before:
                return graph
        raise PassError(f"rules {self.name!r} still change the graph after {limit} sweeps")

    def _sweep(self, graph: Graph, target: Target, tracer: Tracer) -> Graph:
        match = Match(graph.uses(), target, tracer)
        new: dict[Value, Value] = {}
        placed: set[Value] = set(graph.inputs)
        ops: list[Op] = []
        for old in graph.ops:
            op = old.with_operands(new)
            if op is not old:
                _renamed(match.uses, new, old.results, op.results)
            made = self._first(op, match)
            if made is not None:
                ops.extend(missing_ops(made, placed))
                _renamed(match.uses, new, old.results, made)
            elif not placed.issuperset(op.results):
                ops.append(op)
                placed.update(op.results)
        return prune(graph.with_ops(tuple(ops), new)) if new else graph

    def _first(self, op: Op, match: Match) -> tuple[Value, ...] | None:
        for kind, rule in self.rules:
            if not isinstance(op, kind):
                continue
            match.rule, match.op = rule.__name__, op
            with provenance(op.sources):
                made = rule(op, match)
            if made is not None:
                results = _values(made)
                if [v.type.shape for v in results] != [v.type.shape for v in op.results]:
                    raise PassError(
                        f"rule {rule.__name__} of {self.name!r} changes the shape of {op.describe()}"
                    )
                match.tracer.fired[rule.__name__] += 1
                match.tracer.refusals.pop((match.rule, op.sources), None)
                return results
        return None


def _values(made: Op | Value | tuple[Value, ...]) -> tuple[Value, ...]:
    if isinstance(made, Op):
        return made.results
    return (made,) if isinstance(made, Value) else made


def _renamed(
    uses: Counter[Value], new: dict[Value, Value], old: Iterable[Value], made: Iterable[Value]
) -> None:
    for a, b in zip(old, made, strict=True):
        new[a] = b
        uses[b] += uses[a]


def missing_ops(values: Iterable[Value], placed: set[Value]) -> list[Op]:
    """The ops that ``values`` need and ``placed`` lacks, operands first; adds them to ``placed``."""
    found: list[Op] = []
    stack = [(v, False) for v in reversed(list(values))]
    while stack:
        value, ready = stack.pop()
        op = value.op
        if value in placed:
            continue
        if op is None:
            raise PassError(f"a rule reads {value!r}, which no op defines")
        if ready:
            op.verify()
            found.append(op)
            placed.update(op.results)
        else:
            stack.append((value, True))
            stack.extend((v, False) for v in reversed(op.operands) if v not in placed)
    return found


def prune(graph: Graph) -> Graph:
    """The graph without ops that no output needs."""
    needed = set(graph.outputs)
    kept: list[Op] = []
    for op in reversed(graph.ops):
        if not needed.isdisjoint(op.results):
            kept.append(op)
            needed.update(op.operands)
    if len(kept) == len(graph.ops):
        return graph
    return graph.with_ops(tuple(reversed(kept)))
