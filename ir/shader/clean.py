"""Removes what nothing reads."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from tflgpuc.ir.shader.expr import Name, walk
from tflgpuc.ir.shader.stmt import Assign, For, If, Kernel, Let, Stmt, Var, exprs, walk_stmts


def clean(kernel: Kernel) -> Kernel:
    """The kernel without names that nothing reads, loops and branches that do nothing."""
    while True:
        uses = _uses(kernel.body)
        body = _kept(kernel.body, uses)
        if body == kernel.body:
            return kernel
        kernel = replace(kernel, body=body)


def _uses(body: tuple[Stmt, ...]) -> Counter[str]:
    return Counter(
        e.name
        for s in walk_stmts(body)
        for root in exprs(s)
        for e in walk(root)
        if isinstance(e, Name)
    )


def _kept(body: tuple[Stmt, ...], uses: Counter[str]) -> tuple[Stmt, ...]:
    made: list[Stmt] = []
    for s in body:
        match s:
            case Let() | Var() | Assign() if not uses[s.name]:
                continue
            case For():
                inner = _kept(s.body, uses)
                if inner:
                    made.append(replace(s, body=inner))
            case If():
                then, otherwise = _kept(s.then, uses), _kept(s.otherwise, uses)
                if then or otherwise:
                    made.append(replace(s, then=then, otherwise=otherwise))
            case _:
                made.append(s)
    return tuple(made)
