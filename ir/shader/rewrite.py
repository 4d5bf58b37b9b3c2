"""Rewrites every expression of a kernel, operands first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tflgpuc.ir.shader.expr import Expr
from tflgpuc.ir.shader.stmt import For, If, Kernel, Stmt, map_exprs
from tflgpuc.ir.shader.tree import children, with_children

Rewrite = Callable[[Expr], Expr]


def rewrite_expr(e: Expr, f: Rewrite) -> Expr:
    """``f`` of the node over its rewritten operands."""
    return f(with_children(e, tuple(rewrite_expr(c, f) for c in children(e))))


def rewrite_kernel(kernel: Kernel, f: Rewrite) -> Kernel:
    """The kernel with every expression rewritten."""

    def block(body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
        return tuple(stmt(s) for s in body)

    def stmt(s: Stmt) -> Stmt:
        made = map_exprs(s, lambda e: rewrite_expr(e, f))
        match made:
            case For(body=body):
                return replace(made, body=block(body))
            case If(then=then, otherwise=otherwise):
                return replace(made, then=block(then), otherwise=block(otherwise))
            case _:
                return made

    return replace(kernel, body=block(kernel.body))
