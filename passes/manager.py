"""Runs passes in order, with one hook between them: verify, time, print, check."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from tflgpuc.backends.runtime.interpreter import interpret_schedule
from tflgpuc.ir.errors import PassError, TflgpucError, VerifyError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.text import print_graph
from tflgpuc.ir.graph.types import NUMPY
from tflgpuc.ir.schedule import Schedule
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass, Lowering, Pass, SchedulePass
from tflgpuc.passes.show import print_schedule

State = Graph | Schedule
Progress = Callable[[str, int, int], None]


@dataclass
class PassManager:
    """A pipeline and what to do between its passes.

    ``print_before`` and ``print_after`` name passes (``all`` is every one) to print the IR around, to
    stderr or to ``write``. ``check`` evaluates the graph before and after each pass on random inputs
    and raises PassError where the results differ (translation validation).
    """

    passes: Sequence[Pass]
    print_before: Sequence[str] = ()
    print_after: Sequence[str] = ()
    check: bool = False
    write: Callable[[str], object] = lambda text: sys.stderr.write(text)
    progress: Progress = lambda name, i, n: None
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, graph: Graph, target: Target) -> Schedule:
        """The schedule at the end of the pipeline; raises PassError where a pass breaks the IR."""
        state: State = graph
        validation = Validation(graph) if self.check else None
        for i, p in enumerate(self.passes):
            self.progress(p.name, i, len(self.passes))
            self._print(p, state, self.print_before, "before")
            start = time.perf_counter()
            state = _run(p, state, target)
            self.seconds[p.name] = self.seconds.get(p.name, 0.0) + time.perf_counter() - start
            try:
                state.verify()
            except VerifyError as error:
                raise PassError(f"pass {p.name!r} left broken IR: {error}") from error
            self._print(p, state, self.print_after, "after")
            if validation is not None:
                validation.check(p, state)
        if not isinstance(state, Schedule):
            raise PassError("the pipeline ends before 'select': it makes no schedule")
        return state

    def _print(self, p: Pass, state: State, names: Sequence[str], when: str) -> None:
        if p.name in names or "all" in names:
            text = print_graph(state) if isinstance(state, Graph) else print_schedule(state)
            self.write(f"// IR {when} {p}\n{text}\n")


def _run(p: Pass, state: State, target: Target) -> State:
    match p, state:
        case GraphPass(), Graph():
            return p.run(state, target)
        case Lowering(), Graph():
            return p.run(state, target)
        case SchedulePass(), Schedule():
            return p.run(state, target)
    wants = "a schedule" if isinstance(p, SchedulePass) else "a graph"
    raise PassError(f"pass {p.name!r} works on {wants}; move it before or after 'select'")


class Validation:
    """Holds a graph's results on random inputs, to compare those of its rewrites with."""

    def __init__(self, graph: Graph, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.inputs: list[Array] = [
            rng.uniform(-1, 1, v.type.shape).astype(NUMPY[v.type.dtype]) for v in graph.inputs
        ]
        self.expected = graph.evaluate(self.inputs)

    def check(self, p: Pass, state: State) -> None:
        """Raises PassError where ``state`` computes something else."""
        try:
            if isinstance(state, Graph):
                made = state.evaluate(self.inputs)
            else:
                given = dict(zip(state.inputs, self.inputs, strict=True))
                named = interpret_schedule(state, given)
                made = [named[n] for n in state.outputs]
        except TflgpucError as error:
            raise PassError(f"after pass {p.name!r}: {error}") from error
        tolerance = 1e-2 if _stores_half(state) else 1e-4
        for i, (want, got) in enumerate(zip(self.expected, made, strict=True)):
            scale = max(1.0, float(np.nanmax(np.abs(want), initial=0.0)))
            difference = np.abs(got.astype(np.float64) - want.astype(np.float64))
            if (np.isnan(got) & ~np.isnan(want)).any() or np.nanmax(
                difference, initial=0.0
            ) > tolerance * scale:
                worst = float(np.nanmax(difference, initial=0.0))
                raise PassError(
                    f"pass {p.name!r} changes output {i}: off by {worst:.3g}, range {scale:.3g}"
                )


def _stores_half(state: State) -> bool:
    if isinstance(state, Graph):
        return False
    return any(t.type.dtype == "f16" for t in state.tensors.values())
