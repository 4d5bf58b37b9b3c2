"""Removes what nothing reads."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from tflgpuc.ir.shader.expr import Expr, Name
from tflgpuc.ir.shader.stmt import Assign, For, If, Kernel, Let, Stmt, Var, exprs, walk_stmts
from tflgpuc.ir.shader.tree import children


def clean(kernel: Kernel) -> Kernel:
    """The kernel without names that nothing reads, loops and branches that do nothing."""
    while True:
        uses = _uses(kernel.body)
        body = _kept(kernel.body, uses)
        if body == kernel.body:
            return kernel
        kernel = replace(kernel, body=body)


def _uses(body: tuple[Stmt, ...]) -> Counter[str]:
    """How often names are read, except by the variable itself in its own assignments."""
    found: Counter[str] = Counter()

    def read(e: Expr, own: str) -> None:
        if isinstance(e, Name):
            found[e.name] += e.name != own
        for x in children(e):
            read(x, own)

    for s in walk_stmts(body):
        own = s.name if isinstance(s, Assign) else ""
        for e in exprs(s):
            read(e, own)
    return found


def _kept(body: tuple[Stmt, ...], uses: Counter[str]) -> tuple[Stmt, ...]:
    made: list[Stmt] = []
    for s in body:
        match s:
            case Let() | Var() | Assign() if not uses[s.name]:
                continue
            case For():
                if inner := _kept(s.body, uses):
                    made.append(replace(s, body=inner))
            case If():
                then, otherwise = _kept(s.then, uses), _kept(s.otherwise, uses)
                if then or otherwise:
                    made.append(replace(s, then=then, otherwise=otherwise))
            case _:
                made.append(s)
    return tuple(made)
