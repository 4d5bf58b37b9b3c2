"""What the hosts for Metal share: launches with functions and group sizes, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tflgpuc.backends.files import BundleFiles
from tflgpuc.backends.hosts.plan import Plan, Port, State, make_plan
from tflgpuc.backends.manifest import Json
from tflgpuc.ir.errors import UsageError


@dataclass(frozen=True)
class Function:
    """A kernel function, and its threads a threadgroup."""

    name: str
    size: tuple[int, int, int]


@dataclass(frozen=True)
class MetalPlan:
    """A plan with what Metal asks for; ``functions`` in the order of ``plan.programs``.

    ``hidden`` is the buffer that only the GPU sees, if any.
    """

    plan: Plan
    source: str
    functions: tuple[Function, ...]
    hidden: int | None
    title: str

    @property
    def late_states(self) -> tuple[State, ...]:
        """States whose new value is on one side and the old one on the other: a run ends with them."""
        return tuple(
            s for s in self.plan.states if s.moves and (s.host is None) != (s.next_host is None)
        )


def make_metal_plan(
    manifest: Json, bundle: BundleFiles, host: str, namer: Callable[[], Callable[[str], str]]
) -> MetalPlan:
    """The bundle for a host in Metal.

    Raises UsageError where nothing of the model runs on the GPU, or ports have types that Metal's
    languages don't.
    """
    plan = make_plan(manifest, bundle, "msl", namer)
    if not plan.programs:
        raise UsageError(f"the host {host} has nothing to run: the model has no launches")
    for port in (*plan.inputs, *plan.outputs):
        if port.tensor.dtype.startswith("c"):
            raise UsageError(f"the host {host} can't pass {port.tensor.dtype} tensors")
    functions = tuple(
        Function(p["entry"]["msl"]["function"], tuple(p["work_group"]))
        for p in manifest["programs"]
    )
    names = [name for name, _ in plan.buffers]
    # The CPU reads and writes what it exchanges with the GPU where it lies.
    seen = {t.place.buffer for t in plan.host if t.place}
    arena = names.index("arena") if "arena" in names else None
    return MetalPlan(
        plan,
        plan.programs[0].file,
        functions,
        None if arena in seen else arena,
        "".join(part[:1].upper() + part[1:] for part in namer()(plan.model).split("_")),
    )


def about(port: Port) -> str:
    """A port's type and shape, for a comment."""
    tensor = port.tensor
    if tensor.dynamic and not tensor.shape:
        return f"{tensor.dtype} of a shape that each run gives"
    shape = " x ".join("?" if n == -1 else str(n) for n in tensor.shape) or "scalar"
    notes = {"f16": ", halves", "bool": ", 0 or 1"}
    return f"{tensor.dtype} {shape}{notes.get(tensor.dtype, '')}"
