"""What the hosts for Metal share: launches with functions and group sizes, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tflgpuc.backends.files import BundleFiles
from tflgpuc.backends.hosts.plan import Plan, Port, make_plan
from tflgpuc.backends.manifest import Json
from tflgpuc.ir.errors import UsageError


@dataclass(frozen=True)
class Function:
    """A kernel function, and its threads a threadgroup."""

    name: str
    size: tuple[int, int, int]


@dataclass(frozen=True)
class MetalPlan:
    """A plan with what Metal asks for; ``functions`` in the order of ``plan.programs``."""

    plan: Plan
    source: str
    functions: tuple[Function, ...]
    arena: int | None
    title: str


def make_metal_plan(
    manifest: Json, bundle: BundleFiles, host: str, namer: Callable[[], Callable[[str], str]]
) -> MetalPlan:
    """The bundle for a host in Metal.

    Raises UsageError where a part of the model runs on the CPU, or nothing of it on the GPU.
    """
    plan = make_plan(manifest, bundle, "msl", namer)
    if plan.segments or plan.host:
        raise UsageError(f"the host {host} can't run what the CPU has to: {_reason(manifest)}")
    if not plan.programs:
        raise UsageError(f"the host {host} has nothing to run: the model has no launches")
    functions = tuple(
        Function(p["entry"]["msl"]["function"], tuple(p["work_group"]))
        for p in manifest["programs"]
    )
    names = [name for name, _ in plan.buffers]
    return MetalPlan(
        plan,
        plan.programs[0].file,
        functions,
        names.index("arena") if "arena" in names else None,
        "".join(part[:1].upper() + part[1:] for part in namer()(plan.model).split("_")),
    )


def _reason(manifest: Json) -> str:
    reasons = [r for s in manifest["steps"] if s["type"] == "segment" for r in s["reasons"]]
    return str(reasons[0]) if reasons else "a tensor that the GPU doesn't have"


def about(port: Port) -> str:
    """A port's type and shape, for a comment."""
    shape = " x ".join(map(str, port.tensor.shape)) or "scalar"
    notes = {"f16": ", halves", "bool": ", 0 or 1"}
    return f"{port.tensor.dtype} {shape}{notes.get(port.tensor.dtype, '')}"
