"""Finds where the elements of a buffer lie that GLSL reads from a texture.

Element ``i`` is in row ``i / row`` and column ``i % row``. Kernels read weights at small distances from a
number that is a multiple of more: one row and column then serve for them all.
"""

from __future__ import annotations

import math
from dataclasses import replace

from tflgpuc.ir.shader import (
    I32,
    Binary,
    Buffer,
    Compose,
    Const,
    Expr,
    For,
    If,
    Kernel,
    Let,
    Load,
    Name,
    Stmt,
    Type,
    const,
)
from tflgpuc.ir.shader.rewrite import rewrite_expr, rewrite_kernel
from tflgpuc.ir.shader.stmt import exprs, walk_stmts
from tflgpuc.ir.shader.tree import walk
from tflgpuc.ir.shader.unroll import Copier

PAIR = Type("i32", 2)


def place_texels(kernel: Kernel) -> Kernel:
    """The kernel with column and row as the index of each such element."""
    rows = {b.row for b in kernel.buffers if b.row}
    if not rows:
        return kernel
    (row,) = rows
    lets = {s.name: s.value for s in walk_stmts(kernel.body) if isinstance(s, Let)}
    copier = Copier(kernel)
    shared = {
        name: (copier.fresh(f"{name}_column"), copier.fresh(f"{name}_row"))
        for name in _shared(kernel, lets, row)
    }

    def placed(e: Expr) -> Expr:
        if not (isinstance(e, Load) and isinstance(e.memory, Buffer) and e.memory.row):
            return e
        base, step = split(e.index)
        if isinstance(base, Name) and base.name in shared and _stays(base, step, lets, row):
            column, line = (Name(I32, name) for name in shared[base.name])
            at: tuple[Expr, ...] = (column + step if step else column, line)
        else:
            at = column_and_row(e.index, row)
        return replace(e, index=Compose(PAIR, at))

    def block(body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
        made: list[Stmt] = []
        for s in body:
            match s:
                case For():
                    s = replace(s, body=block(s.body))
                case If():
                    s = replace(s, then=block(s.then), otherwise=block(s.otherwise))
            made.append(s)
            if isinstance(s, Let) and s.name in shared:
                places = column_and_row(Name(I32, s.name), row)
                made += [
                    Let(name, rewrite_expr(value, placed), s.loc)
                    for name, value in zip(shared[s.name], places, strict=True)
                ]
        return tuple(made)

    moved = rewrite_kernel(kernel, placed)
    return replace(moved, body=block(moved.body))


def column_and_row(index: Expr, row: int) -> tuple[Expr, Expr]:
    """Where an element is; rows have a power of two of them."""
    if isinstance(index, Const):
        at = int(index.value)
        return const(at % row, I32), const(at // row, I32)
    return index & (row - 1), index >> (row.bit_length() - 1)


def split(index: Expr) -> tuple[Expr, int]:
    """An index as something and a constant added to it."""
    match index:
        case Binary(op="+", left=left, right=Const(value=value)):
            return left, int(value)
        case _:
            return index, 0


def _stays(base: Name, step: int, lets: dict[str, Expr], row: int) -> bool:
    """Whether an element that far on is in the same row."""
    return 0 <= step < math.gcd(multiple(base, lets), row)


def _shared(kernel: Kernel, lets: dict[str, Expr], row: int) -> list[str]:
    """The names that elements are read at small distances from."""
    found: dict[str, None] = {}
    for s in walk_stmts(kernel.body):
        for root in exprs(s):
            for e in walk(root):
                if isinstance(e, Load) and isinstance(e.memory, Buffer) and e.memory.row:
                    base, step = split(e.index)
                    named = isinstance(base, Name) and base.name in lets
                    if named and isinstance(base, Name) and _stays(base, step, lets, row):
                        found[base.name] = None
    return list(found)


def multiple(e: Expr, lets: dict[str, Expr]) -> int:
    """A number that divides the expression whatever its names are; 0 divides only 0."""
    match e:
        case Const(value=value):
            return abs(int(value))
        case Name(name=name) if name in lets:
            return multiple(lets[name], lets)
        case Binary(op="*", left=left, right=right):
            return multiple(left, lets) * multiple(right, lets)
        case Binary(op="+" | "-", left=left, right=right):
            return math.gcd(multiple(left, lets), multiple(right, lets))
        case Binary(op="<<", left=left, right=Const(value=value)):
            return multiple(left, lets) << int(value)
        case _:
            return 1
