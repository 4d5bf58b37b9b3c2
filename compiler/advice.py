"""What slows a model down on a target, and what its author could do about it."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from tflgpuc.advice_rules import RULES, Advice, Plan
from tflgpuc.frontend import import_model
from tflgpuc.ir.schedule import Schedule
from tflgpuc.ir.target import Target
from tflgpuc.passes.manager import PassManager
from tflgpuc.passes.pipeline import as_passes
from tflgpuc.targets import DEFAULT, load_target


def advise(model: str | os.PathLike[str] | bytes, target: str | Target = DEFAULT) -> dict[str, Any]:
    """The findings of all rules about a model, the costliest first, and what they are shares of.

    ``share`` is the part of the predicted time that a finding costs, at most. Findings overlap: a
    narrow layer may be bound by its launch as well. Raises ModelError, UnsupportedError and
    UsageError.
    """
    profile = target if isinstance(target, Target) else load_target(target)
    module = import_model(model)
    schedule: Schedule = PassManager(as_passes(None, "f32")).run(module.main, profile)
    plan = Plan.of(module, schedule, profile)
    found: list[Advice] = [advice for rule in RULES for advice in rule(plan)]
    found.sort(key=lambda a: -a.share)
    return {
        "model": module.name,
        "target": profile.name,
        "predicted_us": 1e6 * plan.seconds,
        "dispatches": len(plan.dispatches),
        "segments": len(plan.schedule.segments),
        "advice": [asdict(a) for a in found],
    }
