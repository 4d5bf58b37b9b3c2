"""Copies of blocks in which a name stands for something else, and every declaration is new."""

from __future__ import annotations

from dataclasses import replace

from tflgpuc.ir.shader.expr import Expr, Name, const
from tflgpuc.ir.shader.stmt import (
    Assign,
    Barrier,
    For,
    If,
    Kernel,
    Let,
    Stmt,
    Store,
    Var,
    walk_stmts,
)
from tflgpuc.ir.shader.tree import children, with_children
from tflgpuc.ir.shader.types import I32


def declared_names(body: tuple[Stmt, ...]) -> list[str]:
    """The names that a block and the blocks inside declare, in program order."""
    return [s.name for s in walk_stmts(body) if isinstance(s, Let | Var | For)]


class Copier:
    """Makes copies of blocks whose declarations have names that no other in the kernel has."""

    def __init__(self, kernel: Kernel) -> None:
        self.taken = {b.name for b in kernel.buffers} | {s.name for s in kernel.shared}
        self.taken.update(declared_names(kernel.body))

    def fresh(self, name: str) -> str:
        """``name``, with a number where it is taken."""
        made, n = name, 1
        while made in self.taken:
            n += 1
            made = f"{name}_{n}"
        self.taken.add(made)
        return made

    def trip(
        self, s: For, value: int, number: int | None
    ) -> tuple[tuple[Stmt, ...], dict[str, str]]:
        """A loop's body for one value of its counter, and its new names by old ones.

        They end in the trip's number; None keeps them, where there is only one trip.
        """
        names: dict[str, str] = {}
        if number is not None:
            names = {n: self.fresh(f"{n}_{number}") for n in declared_names(s.body)}
        return _Copy({s.name: const(value, I32)}, names).block(s.body), names


def with_unique_names(kernel: Kernel) -> Kernel:
    """The kernel with no name declared twice, not even in blocks beside each other."""
    names = declared_names(kernel.body)
    if len(set(names)) == len(names):
        return kernel
    copier = Copier(kernel)
    seen: set[str] = set()

    def block(body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
        made: list[Stmt] = []
        rest = list(body)
        while rest:
            s = rest.pop(0)
            if isinstance(s, Let | Var | For):
                if s.name in seen:
                    copy = _Copy({}, {s.name: copier.fresh(s.name)})
                    if isinstance(s, For):
                        s = replace(s, name=copy.names[s.name], body=copy.block(s.body))
                    else:
                        rest = list(copy.block(tuple(rest)))
                        s = replace(s, name=copy.names[s.name])
                seen.add(s.name)
            match s:
                case For():
                    s = replace(s, body=block(s.body))
                case If():
                    s = replace(s, then=block(s.then), otherwise=block(s.otherwise))
            made.append(s)
        return tuple(made)

    return replace(kernel, body=block(kernel.body))


class _Copy:
    """Replaces names by expressions, and declared names by other names."""

    def __init__(self, values: dict[str, Expr], names: dict[str, str]) -> None:
        self.values = values
        self.names = names

    def expr(self, e: Expr) -> Expr:
        if isinstance(e, Name):
            if e.name in self.values:
                return self.values[e.name]
            return Name(e.type, self.names[e.name]) if e.name in self.names else e
        return with_children(e, tuple(self.expr(c) for c in children(e)))

    def block(self, body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
        return tuple(self.stmt(s) for s in body)

    def stmt(self, s: Stmt) -> Stmt:
        match s:
            case Let() | Assign():
                name = self.names.get(s.name, s.name)
                return replace(s, name=name, value=self.expr(s.value))
            case Var():
                value = None if s.value is None else self.expr(s.value)
                return replace(s, name=self.names.get(s.name, s.name), value=value)
            case Store():
                return replace(s, index=self.expr(s.index), value=self.expr(s.value))
            case For():
                return replace(
                    s,
                    name=self.names.get(s.name, s.name),
                    start=self.expr(s.start),
                    stop=self.expr(s.stop),
                    body=self.block(s.body),
                )
            case If():
                return replace(
                    s,
                    condition=self.expr(s.condition),
                    then=self.block(s.then),
                    otherwise=self.block(s.otherwise),
                )
            case Barrier():
                return s
