"""Statements of the shader IR, and the kernel they make up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias, Union

from tflgpuc.ir.shader.expr import Buffer, Expr, Memory, Shared
from tflgpuc.ir.shader.types import Type


@dataclass(frozen=True)
class Let:
    """Names a value; never assigned again."""

    name: str
    value: Expr
    loc: str = field(default="", compare=False)


@dataclass(frozen=True)
class Var:
    """Declares a variable; without ``value`` it must be assigned before it is read."""

    name: str
    type: Type
    value: Expr | None = None
    loc: str = field(default="", compare=False)


@dataclass(frozen=True)
class Assign:
    """``name = value``, or ``name op= value`` where ``op`` is set."""

    name: str
    value: Expr
    op: str = ""
    loc: str = field(default="", compare=False)


@dataclass(frozen=True)
class Store:
    """``memory[index] = value``, narrowed to the storage type."""

    memory: Memory
    index: Expr
    value: Expr
    loc: str = field(default="", compare=False)


@dataclass(frozen=True)
class For:
    """``for (int name = start; name < stop; name += step)``.

    ``unroll`` asks ``simplify`` to write the trips out, ``rolled`` compilers to leave the loop alone.
    """

    name: str
    start: Expr
    stop: Expr
    step: int
    body: tuple[Stmt, ...]
    unroll: bool = False
    loc: str = field(default="", compare=False)
    rolled: bool = False


@dataclass(frozen=True)
class If:
    """Runs ``then`` where the condition holds, ``otherwise`` where it doesn't."""

    condition: Expr
    then: tuple[Stmt, ...]
    otherwise: tuple[Stmt, ...] = ()
    loc: str = field(default="", compare=False)


@dataclass(frozen=True)
class Barrier:
    """All invocations of the group get here, with their shared stores done, before any goes on."""

    loc: str = field(default="", compare=False)


Stmt: TypeAlias = Union[Let, Var, Assign, Store, For, If, Barrier]


@dataclass(frozen=True)
class Kernel:
    """One compute shader.

    ``grid`` is how many invocations do work along x, y, z; ``group`` how many run together. Whole
    groups are launched, so invocations past ``grid`` exist and the body guards against them.
    ``group`` is None until a work-group size has been selected.
    """

    name: str
    grid: tuple[int, int, int]
    buffers: tuple[Buffer, ...]
    body: tuple[Stmt, ...]
    shared: tuple[Shared, ...] = ()
    group: tuple[int, int, int] | None = None

    @property
    def size(self) -> tuple[int, int, int]:
        """The work-group size; selected by now."""
        assert self.group is not None, f"{self.name}: no work-group size yet"
        return self.group

    @property
    def groups(self) -> tuple[int, int, int]:
        """How many work groups cover the grid along x, y, z."""
        x, y, z = (-(-n // size) for n, size in zip(self.grid, self.size, strict=True))
        return x, y, z

    @property
    def shared_bytes(self) -> int:
        """Shared memory of one group."""
        return sum(4 * s.element.lanes * s.count for s in self.shared)


def exprs(s: Stmt) -> tuple[Expr, ...]:
    """The expressions of the statement itself, not of the blocks inside it."""
    match s:
        case Let(value=v) | Assign(value=v):
            return (v,)
        case Var(value=v):
            return () if v is None else (v,)
        case Store(index=i, value=v):
            return (i, v)
        case For(start=a, stop=b):
            return (a, b)
        case If(condition=c):
            return (c,)
        case Barrier():
            return ()


def blocks(s: Stmt) -> tuple[tuple[Stmt, ...], ...]:
    """The blocks inside a statement."""
    match s:
        case For(body=body):
            return (body,)
        case If(then=then, otherwise=otherwise):
            return (then, otherwise)
        case _:
            return ()


def map_exprs(s: Stmt, f: Callable[[Expr], Expr]) -> Stmt:
    """The statement with ``f`` of each of its own expressions; blocks stay."""
    match s:
        case Let() | Assign():
            return replace(s, value=f(s.value))
        case Var():
            return s if s.value is None else replace(s, value=f(s.value))
        case Store():
            return replace(s, index=f(s.index), value=f(s.value))
        case For():
            return replace(s, start=f(s.start), stop=f(s.stop))
        case If():
            return replace(s, condition=f(s.condition))
        case Barrier():
            return s


def walk_stmts(body: tuple[Stmt, ...]) -> Iterator[Stmt]:
    """Every statement of a block and of the blocks inside, in program order."""
    for s in body:
        yield s
        for block in blocks(s):
            yield from walk_stmts(block)
