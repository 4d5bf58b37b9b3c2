"""Walking and rebuilding expressions: the one place that knows the operands of every node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tflgpuc.ir.shader.expr import (
    Binary,
    Bitcast,
    Builtin,
    Call,
    Cast,
    Compose,
    Const,
    Expr,
    Lane,
    Load,
    Name,
    Select,
    Unary,
)


def children(e: Expr) -> tuple[Expr, ...]:
    """The operands of a node, in order."""
    match e:
        case Const() | Name() | Builtin():
            return ()
        case (
            Lane(vector=x) | Load(index=x) | Unary(operand=x) | Cast(operand=x) | Bitcast(operand=x)
        ):
            return (x,)
        case Call(args=xs) | Compose(parts=xs):
            return xs
        case Binary(left=x, right=y):
            return (x, y)
        case Select(condition=c, if_true=x, if_false=y):
            return (c, x, y)


def with_children(e: Expr, new: tuple[Expr, ...]) -> Expr:
    """The node over other operands; the node itself where none changed."""
    if all(a is b for a, b in zip(children(e), new, strict=True)):
        return e
    match e:
        case Const() | Name() | Builtin():
            return e
        case Lane():
            return replace(e, vector=new[0])
        case Load():
            return replace(e, index=new[0])
        case Unary() | Cast() | Bitcast():
            return replace(e, operand=new[0])
        case Call():
            return replace(e, args=new)
        case Compose():
            return replace(e, parts=new)
        case Binary():
            return replace(e, left=new[0], right=new[1])
        case Select():
            return replace(e, condition=new[0], if_true=new[1], if_false=new[2])


def walk(e: Expr) -> Iterator[Expr]:
    """The node and everything under it, parents first."""
    left = [e]
    while left:
        found = left.pop()
        yield found
        left.extend(reversed(children(found)))
