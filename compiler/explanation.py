"""Why a compile chose what it chose: each kernel's variants, and what rules refused to do."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tflgpuc.ir.graph.op import Source
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.schedule import Candidate, Dispatch, Schedule
from tflgpuc.passes.base import Pass
from tflgpuc.passes.combine import Combine
from tflgpuc.passes.fuse import Fuse
from tflgpuc.passes.precision import Decision, Precision
from tflgpuc.passes.rules import Tracer
from tflgpuc.passes.select import Select
from tflgpuc.passes.winograd import Winograd

# What each rule would have done, by its function's name.
RULES = {
    "join": "apply an op in the kernel that makes its input",
    "absorb": "compute an op in the kernel that reads it",
    "by_winograd": "compute a convolution by Winograd's method",
    "joined": "compute a depthwise and a pointwise convolution in one dispatch",
}


@dataclass
class Explanation:
    """Give one to ``compile``, and read it afterwards."""

    tracer: Tracer = field(default_factory=Tracer)
    schedule: Schedule | None = None
    decisions: list[Decision] = field(default_factory=list)

    def listening(self, passes: Iterable[Pass]) -> list[Pass]:
        """The passes with those that compare costs telling this object."""
        told = (Combine, Fuse, Select, Winograd)
        made = []
        for p in passes:
            if isinstance(p, told):
                p = dataclasses.replace(p, tracer=self.tracer)
            elif isinstance(p, Precision):
                p = dataclasses.replace(p, decisions=self.decisions)
            made.append(p)
        return made

    def precision(self) -> list[dict[str, Any]]:
        """How each tensor is stored and why; empty where all are f32 anyway."""
        return [dataclasses.asdict(d) for d in self.decisions]

    def considered(self) -> list[Fused]:
        """The ops whose kernels' costs were compared, also those that other ops replaced."""
        return [op for _, op in self.tracer.considered if isinstance(op, Fused)]

    def launched(self) -> list[Fused]:
        """The ops that kernels were built for, in order."""
        found = self.tracer.considered
        return [op for by, op in found if by == Select.name and isinstance(op, Fused)]

    def kernels(self) -> list[dict[str, Any]]:
        """For each kernel the operators that it computes and its variants, the chosen one first."""
        found: dict[str, list[Dispatch]] = {}
        for step in self.schedule.dispatches if self.schedule else ():
            found.setdefault(step.kernel.name, []).append(step)
        return [
            {
                "kernel": name,
                "launches": len(steps),
                "sources": [_named(s) for step in steps for s in step.sources],
                "reason": _reason(steps[0].candidates),
                "candidates": [_listed(c) for c in steps[0].candidates],
            }
            for name, steps in found.items()
        ]

    def refusals(self) -> list[dict[str, Any]]:
        """What rules didn't do and why, with the operators that it's about."""
        found: dict[tuple[str, str], list[str]] = {}
        for (rule, sources), reason in self.tracer.refusals.items():
            if rule in RULES and sources:
                found.setdefault((rule, reason), []).append(" + ".join(map(_named, sources)))
        return [
            {"rule": rule, "would": RULES[rule], "reason": reason, "ops": ops}
            for (rule, reason), ops in sorted(found.items())
        ]


def _named(source: Source) -> str:
    """An operator, shorter than its own text."""
    where = f"{source.subgraph}." if source.subgraph else ""
    return f"{where}{source.operator} {source.opcode.removeprefix('CUSTOM:').lower()}"


def _listed(candidate: Candidate) -> dict[str, Any]:
    measured = candidate.measured
    return {
        "variant": candidate.variant,
        "predicted_us": 1e6 * candidate.seconds,
        "measured_us": None if measured is None else 1e6 * measured,
        **dict(_share(name, share) for name, share in candidate.shares.items()),
    }


def _share(name: str, share: float | None) -> tuple[str, float | None]:
    """Times in microseconds; the rest as it is."""
    if name in ("idle", "registers") or share is None:
        return name, share
    return f"{name}_us", 1e6 * share


def _reason(candidates: tuple[Candidate, ...]) -> str:
    """Why the first of some candidates was taken."""
    if len(candidates) < 2:
        return "the only variant"
    first, *others = (c.measured if c.measured is not None else c.seconds for c in candidates)
    how = "measured" if candidates[0].measured is not None else "estimated"
    ratio = others[0] / first if first else 1.0
    return f"{how} fastest of {len(candidates)}, the next takes {ratio:.2f} times as long"
