"""Puts a memory barrier only where a dispatch depends on one since the last barrier."""

from __future__ import annotations

from dataclasses import replace

from tflgpuc.ir.schedule import CpuStep, Placement, Schedule, Step
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import SchedulePass


class Barriers(SchedulePass, name="barriers"):
    """Asks for a barrier before a step that reads or overwrites what earlier steps wrote or read."""

    def run(self, schedule: Schedule, target: Target) -> Schedule:
        steps: list[Step] = []
        read: list[Placement] = []
        written: list[Placement] = []
        for step in schedule.steps:
            if isinstance(step, CpuStep):
                # The runner waits for what a segment reads; what it writes comes by another way.
                steps.append(step)
                continue
            reads = [schedule.placements[n] for n in sorted(step.reads())]
            writes = [schedule.placements[n] for n in sorted(step.writes())]
            hazard = (
                _overlap(reads, written)  # read after write
                or _overlap(writes, written)  # write after write
                or _overlap(writes, read)  # write after read
            )
            if hazard:
                read, written = [], []
            read += reads
            written += writes
            steps.append(replace(step, barrier=hazard))
        return replace(schedule, steps=tuple(steps))


def _overlap(some: list[Placement], others: list[Placement]) -> bool:
    return any(
        a.buffer == b.buffer and a.offset < b.offset + b.size and b.offset < a.offset + a.size
        for a in some
        for b in others
    )
