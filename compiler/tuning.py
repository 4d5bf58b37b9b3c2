"""Measures every variant of every kernel of a model on the present device."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tflgpuc.backends.bundle import Bundle, make_bundle
from tflgpuc.backends.runtime.base import StepRunner
from tflgpuc.backends.runtime.gles import GlesDevice
from tflgpuc.backends.runtime.wgpu import WgpuDevice
from tflgpuc.ir.errors import UsageError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.types import NUMPY
from tflgpuc.ir.schedule import Dispatch, Placement, Schedule
from tflgpuc.ir.shader import Kernel
from tflgpuc.ir.target import Target
from tflgpuc.ir.tuning import Tuning
from tflgpuc.passes.choice import Candidate, choose, signature
from tflgpuc.passes.manager import PassManager
from tflgpuc.passes.pipeline import parse_pipeline
from tflgpuc.passes.tuned import launch_keys
from tflgpuc.tuning_cache import Measurement

LANGUAGES = {"gles": "glsl", "interpreter": "glsl", "msl": "msl", "wgpu": "wgsl"}
# From one op to the launches that a bundle would have.
LOWER = "select,work-groups,simplify-kernels,keep-loops"


@dataclass(frozen=True)
class Device:
    """Where to measure: the name of a runner and its options."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def language(self) -> str:
        """What kernels are printed in for it; raises UsageError where they can't be timed."""
        if self.name not in LANGUAGES:
            known = ", ".join(LANGUAGES)
            raise UsageError(f"kernels can't be timed by themselves on {self.name}; but on {known}")
        return LANGUAGES[self.name]

    def driver(self) -> str:
        """What runs the kernels, in words that change whenever a driver does."""
        if self.name == "gles":
            with GlesDevice(**self.options) as device:
                return " | ".join((device.vendor, device.renderer, device.version))
        if self.name == "wgpu":
            with contextlib.closing(WgpuDevice()) as adapter:
                return f"wgpu | {adapter.name}"
        return f"{self.name} ({self.language})"


@dataclass(frozen=True, eq=False)
class Subject:
    """An op and its variants, with the keys of their measurements."""

    op: Fused
    target: Target
    candidates: tuple[Candidate, ...]
    keys: tuple[str, ...]

    def __str__(self) -> str:
        root = self.op.root
        shapes = ["x".join(map(str, v.type.shape)) for v in (*self.op.inputs, *self.op.results)]
        return f"{root.name.split('.')[-1]} {', '.join(shapes[:-1])} -> {shapes[-1]}"


def subjects(ops: list[Fused], target: Target) -> list[Subject]:
    """What there is to measure: ops whose kernels differ, in order, with all their variants."""
    plain = replace(target, tuning=None)
    found: dict[Any, Subject] = {}
    for op in ops:
        told = signature(op)
        if told not in found:
            candidates = choose(op, plain).candidates
            keys = launch_keys(told, [c.variant for c in candidates], plain)
            found[told] = Subject(op, plain, candidates, tuple(keys))
    return list(found.values())


def measure(
    subject: Subject, device: Device, driver: str, repetitions: int = 5
) -> list[Measurement]:
    """The seconds of every variant: of each launch the least of some repetitions, taken in turns."""
    bundle, launches = trial(subject, device.language)
    best = [[float("inf")] * count for count in launches]
    with bundle.runner(device.name, **device.options) as runner:
        assert isinstance(runner, StepRunner)
        _fill(runner)
        for turn in range(-1, repetitions):
            steps = iter(bundle.manifest["steps"])
            for times in best:
                for i in range(len(times)):
                    runner.barrier()
                    seconds = runner.timed(next(steps))
                    # The first turn is for the driver, which may compile as it launches.
                    times[i] = min(times[i], seconds) if turn >= 0 else times[i]
    return [
        Measurement(driver, key, str(subject), str(candidate.variant), tuple(times))
        for key, candidate, times in zip(subject.keys, subject.candidates, best, strict=True)
    ]


def trial(subject: Subject, language: str) -> tuple[Bundle, list[int]]:
    """A bundle that runs every variant after the other, and how many launches each takes."""
    steps: list[Dispatch] = []
    launches: list[int] = []
    schedule = None
    for key in subject.keys:
        schedule = _alone(subject, key)
        made: dict[Kernel, Kernel] = {
            k: replace(k, name=f"{k.name}_{len(launches)}") for k in schedule.kernels()
        }
        steps += schedule.with_kernels(made).dispatches
        launches.append(len(schedule.dispatches))
    assert schedule is not None
    places = {
        name: Placement(f"{t.role}:{name}", 0, t.type.bytes) for name, t in schedule.tensors.items()
    }
    whole = replace(schedule, steps=tuple(steps), placements=places)
    about = {
        "compiler": "tflgpuc tune",
        "model": {"name": "trial", "sha256": ""},
        "precision": "f32",
    }
    return make_bundle(whole, subject.target, about, (language,)), launches


def _alone(subject: Subject, key: str) -> Schedule:
    """The launches of an op in the variant with this key, which a made-up measurement prefers."""
    seconds = {
        k: (float(k != key),) * len(c.costs)
        for k, c in zip(subject.keys, subject.candidates, strict=True)
    }
    target = replace(subject.target, tuning=Tuning("trial", seconds))
    inputs = {v: Value(v.type, f"in_{i}") for i, v in enumerate(subject.op.inputs)}
    op = subject.op.with_operands(inputs)
    assert isinstance(op, Fused)
    graph = Graph(tuple(inputs.values()), (op,), op.results, "trial")
    return PassManager(parse_pipeline(LOWER)).run(graph, target)


def _fill(runner: StepRunner) -> None:
    """Writes something to every input; integers may be indices, so they stay small."""
    rng = np.random.default_rng(0)
    for port in runner.manifest["inputs"]:
        if port["bytes"]:
            data = _random(port["dtype"], port["bytes"], rng)
            runner.write(port["buffer"], port["offset"], data.view(np.uint8))


def _random(dtype: str, size: int, rng: np.random.Generator) -> Array:
    type = NUMPY[dtype]
    count = size // type.itemsize
    if type.kind == "f":
        return rng.uniform(-1, 1, count).astype(type)
    return rng.integers(0, 2, count).astype(type)


Progress = Callable[[str, int, int], None]


def tune(
    found: list[Subject],
    device: Device,
    known: Mapping[tuple[str, str], Measurement],
    keep: Callable[[Mapping[tuple[str, str], Measurement]], None],
    progress: Progress = lambda what, done, total: None,
    repetitions: int = 5,
    again: bool = False,
) -> dict[tuple[str, str], Measurement]:
    """All measurements: ``known`` ones, and those of subjects that it lacks on this driver.

    ``keep`` gets all after each subject, so that an interrupted run can go on. ``again`` measures what
    is known, too, and keeps the lesser times.
    """
    driver = device.driver()
    made = dict(known)
    for i, subject in enumerate(found):
        progress(str(subject), i, len(found))
        if not again and all((driver, key) in made for key in subject.keys):
            continue
        for new in measure(subject, device, driver, repetitions):
            old = made.get((driver, new.key), new)
            least = tuple(map(min, old.seconds, new.seconds))
            made[driver, new.key] = replace(new, seconds=least)
        keep(made)
    return made


def model_seconds(
    ops: list[Fused], target: Target, tuning: Tuning, by_estimate: bool = False
) -> float:
    """What a model's kernels were measured to take, in the variants that times or estimates choose."""
    tuned = replace(target, tuning=tuning)
    total = 0.0
    for op in ops:
        found = choose(op, tuned).candidates
        taken = min(found, key=lambda c: c.predicted) if by_estimate else found[0]
        total += taken.seconds
    return total
