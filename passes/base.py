"""What a pass is: a frozen dataclass with a name, whose fields are its options."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, ClassVar, dataclass_transform

from tflgpuc.ir.errors import PassError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.schedule import Schedule
from tflgpuc.ir.target import Target

PASSES: dict[str, type[Pass]] = {}


@dataclass_transform(frozen_default=True)
@dataclass(frozen=True)
class Pass:
    """Subclass GraphPass, Lowering or SchedulePass; fields are options, the docstring its description."""

    name: ClassVar[str] = ""

    def __init_subclass__(cls, name: str = "") -> None:
        dataclasses.dataclass(frozen=True)(cls)
        if name:
            if name in PASSES and PASSES[name].__module__ != cls.__module__:
                raise PassError(f"two passes are named {name!r}")
            if not cls.__doc__ or cls.__doc__.startswith(f"{cls.__name__}("):
                raise PassError(f"pass {name!r} has no description: write a docstring")
            cls.name = name
            PASSES[name] = cls

    @classmethod
    def describe(cls) -> str:
        """The first line of the pass's docstring."""
        return (cls.__doc__ or "").strip().splitlines()[0]

    def __str__(self) -> str:
        """The pass as pipeline text, options that differ from their defaults included."""
        told = []
        for f in options(type(self)):
            value = getattr(self, f.name)
            if value != f.default:
                told.append(f"{f.name}={_text(value)}")
        return self.name + (f"{{{','.join(told)}}}" if told else "")


def untold(default: Any = None) -> Any:
    """A pass's field that is no option: something of the caller's, by default None."""
    return field(default=default, repr=False, compare=False)


def options(cls: type[Pass]) -> list[dataclasses.Field[Any]]:
    """The fields of a pass that pipeline text may give."""
    return [f for f in dataclasses.fields(cls) if f.repr]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) and not value.isidentifier() else str(value)


class GraphPass(Pass):
    """A pass from graph to graph; valid IR in, valid IR out."""

    def run(self, graph: Graph, target: Target) -> Graph:
        """The rewritten graph; the same object where nothing changes."""
        raise NotImplementedError(f"{type(self).__name__} defines no run()")


class Lowering(Pass):
    """The pass from graph to schedule."""

    def run(self, graph: Graph, target: Target) -> Schedule:
        """The schedule that computes the graph."""
        raise NotImplementedError(f"{type(self).__name__} defines no run()")


class SchedulePass(Pass):
    """A pass from schedule to schedule."""

    def run(self, schedule: Schedule, target: Target) -> Schedule:
        """The rewritten schedule."""
        raise NotImplementedError(f"{type(self).__name__} defines no run()")
