"""A schedule: the dispatches of one run in order, and where every tensor lies while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from tflgpuc.ir.errors import VerifyError
from tflgpuc.ir.graph.op import Array, Source
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.shader import Kernel

Role = Literal["input", "output", "intermediate"]
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


@dataclass(frozen=True, eq=False)
class Dispatch:
    """One launch of a kernel.

    ``tensors`` names what each of the kernel's buffers is bound to, in their order; None is
    ``constants``, the weights of this dispatch, already in the kernel's layout. ``barrier`` asks for a
    memory barrier before the launch.
    """

    kernel: Kernel
    tensors: tuple[str | None, ...]
    constants: Array | None
    sources: tuple[Source, ...]
    macs: int = 0
    tile: tuple[int, int] = (1, 1)
    barrier: bool = False

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
class Schedule:
    """What a bundle runs. ``placements`` covers every tensor once memory has been planned."""

    name: str
    tensors: Mapping[str, Tensor]
    steps: tuple[Dispatch, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    placements: Mapping[str, Placement] = field(default_factory=dict)
    arena_bytes: int = 0
    lower_bound: int = 0

    def with_kernels(self, new: Mapping[Kernel, Kernel]) -> Schedule:
        """The schedule with each kernel replaced by ``new`` of it."""
        return replace(self, steps=tuple(replace(s, kernel=new[s.kernel]) for s in self.steps))

    def kernels(self) -> tuple[Kernel, ...]:
        """The distinct kernels, in order of first use."""
        return tuple(dict.fromkeys(s.kernel for s in self.steps))

    def verify(self) -> None:
        """Raises VerifyError where a tensor is read before it is written, or isn't known."""
        written = set(self.inputs)
        for step in self.steps:
            for name in step.reads() | step.writes():
                if name not in self.tensors:
                    raise VerifyError(f"{step.describe()}: no such tensor: {name}")
            for name in step.reads() - written:
                raise VerifyError(f"{step.describe()}: reads {name} before anything wrote it")
            if (None in step.tensors) != (step.constants is not None):
                raise VerifyError(f"{step.describe()}: constants and bindings disagree")
            written |= step.writes()
        for name in set(self.outputs) - written:
            raise VerifyError(f"output {name} is never written")
