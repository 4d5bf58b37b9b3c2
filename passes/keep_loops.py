"""Keeps drivers from unrolling loops into more registers than the target has."""

from __future__ import annotations

from tflgpuc.ir.schedule import Schedule
from tflgpuc.ir.shader.rolling import keep_loops
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import SchedulePass


class KeepLoops(SchedulePass, name="keep-loops"):
    """Marks loops that drivers mustn't unroll, since they would spill."""

    def run(self, schedule: Schedule, target: Target) -> Schedule:
        registers = target.rates.registers
        return schedule.with_kernels({k: keep_loops(k, registers) for k in schedule.kernels()})
