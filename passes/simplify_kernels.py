"""Simplifies every kernel once its work-group size is known."""

from __future__ import annotations

from tflgpuc.ir.schedule import Schedule
from tflgpuc.ir.shader.simplify import simplify
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import SchedulePass


class SimplifyKernels(SchedulePass, name="simplify-kernels"):
    """Folds, shares, unrolls and cleans up the code of every kernel."""

    def run(self, schedule: Schedule, target: Target) -> Schedule:
        return schedule.with_kernels({k: simplify(k) for k in schedule.kernels()})
