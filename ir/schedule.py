"""A schedule: the steps of one run in order, and where every tensor lies while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from tflgpuc.ir.errors import VerifyError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Array, Source
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.shader import Kernel

# A host tensor goes between a CPU segment and the rest; a state is kept from run to run.
Role = Literal["input", "output", "intermediate", "host", "state"]
ARENA, WEIGHTS = "arena", "weights"


@dataclass(frozen=True)
class Tensor:
    """A tensor that needs memory; aliases of it (reshapes) share its entry."""

    name: str
    type: TensorType
    role: Role


@dataclass(frozen=True)
class Placement:
    """A range of one of the bundle's buffers, in bytes."""

    buffer: str
    offset: int
    size: int


@dataclass(frozen=True)
class Candidate:
    """A way to share a kernel's work among invocations that was considered, with its estimate.

    ``measured`` is what it took on a device, ``shares`` what the estimate is made of.
    """

    variant: str
    seconds: float
    why: str
    measured: float | None = None
    shares: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Dispatch:
    """One launch of a kernel.

    ``tensors`` names what each of the kernel's buffers is bound to, in their order; None is
    ``constants``, the weights of this dispatch, already in the kernel's layout. ``op`` is the op that
    gives the kernel its shape: ``gpu.copy`` where a tensor only changes its layout or type.
    ``barrier`` asks for a memory barrier before the launch. ``candidates`` are the variants of the
    kernel that were considered, the chosen one first.
    """

    kernel: Kernel
    tensors: tuple[str | None, ...]
    constants: Array | None
    sources: tuple[Source, ...]
    macs: int = 0
    tile: tuple[int, int] = (1, 1)
    op: str = ""
    barrier: bool = False
    candidates: tuple[Candidate, ...] = ()

    def reads(self) -> set[str]:
        """Names of the tensors that the launch reads."""
        return self._bound("write")

    def writes(self) -> set[str]:
        """Names of the tensors that the launch writes."""
        return self._bound("read")

    def _bound(self, but: str) -> set[str]:
        pairs = zip(self.kernel.buffers, self.tensors, strict=True)
        return {t for b, t in pairs if t is not None and b.access != but}

    def describe(self) -> str:
        """The launch for a message: its kernel and the first TFLite operator it stands for."""
        return f"{self.kernel.name} ({self.sources[0]})" if self.sources else self.kernel.name


@dataclass(frozen=True, eq=False)
class CpuStep:
    """A part that the CPU runs: ``body``'s inputs and outputs are the tensors read and written.

    ``reason`` says why, a line for each operator that the GPU can't run.
    """

    body: Graph
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sources: tuple[Source, ...]
    macs: int = 0
    reason: str = ""

    def reads(self) -> set[str]:
        """Names of the tensors that the segment reads."""
        return set(self.inputs)

    def writes(self) -> set[str]:
        """Names of the tensors that the segment writes."""
        return set(self.outputs)

    def describe(self) -> str:
        """The segment for a message."""
        return f"CPU segment ({self.sources[0]})" if self.sources else "CPU segment"


Step: TypeAlias = Dispatch | CpuStep


@dataclass(frozen=True)
class StateTensor:
    """A tensor kept from run to run: at the end of one ``next`` becomes ``tensor``.

    ``initial`` is what it holds before the first, None zeros.
    """

    name: str
    tensor: str
    next: str
    initial: Array | None = field(default=None, compare=False)


@dataclass(frozen=True, eq=False)
class Schedule:
    """What a bundle runs. ``placements`` covers every tensor on the GPU once memory has been planned.

    Host tensors that no dispatch binds have no place. ``outputs`` are the names that a run gives
    its results, and the tensors that hold them.
    """

    name: str
    tensors: Mapping[str, Tensor]
    steps: tuple[Step, ...]
    inputs: tuple[str, ...]
    outputs: Mapping[str, str]
    states: tuple[StateTensor, ...] = ()
    placements: Mapping[str, Placement] = field(default_factory=dict)
    arena_bytes: int = 0
    lower_bound: int = 0

    def with_kernels(self, new: Mapping[Kernel, Kernel]) -> Schedule:
        """The schedule with each kernel replaced by ``new`` of it."""
        return replace(
            self,
            steps=tuple(
                replace(s, kernel=new[s.kernel]) if isinstance(s, Dispatch) else s
                for s in self.steps
            ),
        )

    @property
    def dispatches(self) -> tuple[Dispatch, ...]:
        """The steps that launch kernels."""
        return tuple(s for s in self.steps if isinstance(s, Dispatch))

    @property
    def segments(self) -> tuple[CpuStep, ...]:
        """The steps that the CPU runs."""
        return tuple(s for s in self.steps if isinstance(s, CpuStep))

    def kernels(self) -> tuple[Kernel, ...]:
        """The distinct kernels, in order of first use."""
        return tuple(dict.fromkeys(s.kernel for s in self.dispatches))

    def bound(self) -> set[str]:
        """The tensors that dispatches read or write."""
        return {name for s in self.dispatches for name in (s.reads() | s.writes())}

    def verify(self) -> None:
        """Raises VerifyError where a tensor is read before it is written, or isn't known."""
        written = {*self.inputs, *(s.tensor for s in self.states)}
        for step in self.steps:
            for name in step.reads() | step.writes():
                if name not in self.tensors:
                    raise VerifyError(f"{step.describe()}: no such tensor: {name}")
            for name in step.reads() - written:
                raise VerifyError(f"{step.describe()}: reads {name} before anything wrote it")
            if isinstance(step, Dispatch) and (None in step.tensors) != (
                step.constants is not None
            ):
                raise VerifyError(f"{step.describe()}: constants and bindings disagree")
            written |= step.writes()
        for name in {*self.outputs.values(), *(s.next for s in self.states)} - written:
            raise VerifyError(f"output {name} is never written")
