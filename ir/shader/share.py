"""Names index arithmetic that is needed more than once, outside of the loops it doesn't depend on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from tflgpuc.ir.shader.expr import Binary, Builtin, Call, Expr, Name, children, walk, with_children
from tflgpuc.ir.shader.stmt import (
    For,
    If,
    Kernel,
    Let,
    Stmt,
    Var,
    blocks,
    exprs,
    map_exprs,
    walk_stmts,
)
from tflgpuc.ir.shader.types import I32

# An index inside a loop is computed many times: one place there is worth moving out.
IN_LOOP = 2


def share(kernel: Kernel) -> Kernel:
    """The kernel with repeated i32 arithmetic computed once and named ``index``."""
    sharer = _Sharer(kernel)
    return replace(kernel, body=sharer.block(kernel.body, frozenset()))


class _Sharer:
    def __init__(self, kernel: Kernel) -> None:
        self.variables = {s.name for s in walk_stmts(kernel.body) if isinstance(s, Var)}
        named = [s.name for s in walk_stmts(kernel.body) if isinstance(s, Let | Var | For)]
        buffers = [b.name for b in kernel.buffers]
        self.taken = {*named, *buffers, *(s.name for s in kernel.shared)}

    def unique(self) -> str:
        """A name that isn't taken."""
        made, n = "index", 1
        while made in self.taken:
            n += 1
            made = f"index_{n}"
        self.taken.add(made)
        return made

    def block(self, body: tuple[Stmt, ...], outer: frozenset[str]) -> tuple[Stmt, ...]:
        """A block with shared arithmetic named; ``outer`` are the names declared before it."""
        statements = list(body)
        position = 0
        known = set(outer)
        while position <= len(statements):
            best = self.best(statements[position:], known)
            if best is not None:
                name = self.unique()
                first = next(
                    i for i in range(position, len(statements)) if _holds(statements[i], best)
                )
                new = Name(I32, name)
                statements[first:] = [_replaced(s, best, new) for s in statements[first:]]
                statements.insert(first, Let(name, best))
                continue
            if position < len(statements):
                s = statements[position]
                if isinstance(s, Let):
                    known.add(s.name)
            position += 1
        return tuple(self.inside(s, frozenset(known)) for s in statements)

    def inside(self, s: Stmt, known: frozenset[str]) -> Stmt:
        """The statement with sharing done in the blocks inside it."""
        match s:
            case For():
                return replace(s, body=self.block(s.body, known | {s.name}))
            case If():
                return replace(
                    s, then=self.block(s.then, known), otherwise=self.block(s.otherwise, known)
                )
            case _:
                return s

    def best(self, rest: list[Stmt], known: set[str]) -> Expr | None:
        """The largest arithmetic over known names that is needed twice in what follows."""
        counts: Counter[Expr] = Counter()
        for s in rest:
            for e, weight in _arithmetic(s):
                counts[e] += weight
        found: Expr | None = None
        size = 0
        for e, n in counts.items():
            if n < 2 or not all(x.name in known for x in walk(e) if isinstance(x, Name)):
                continue
            length = sum(1 for _ in walk(e))
            if length > size:
                found, size = e, length
        return found


def _worth(e: Expr) -> bool:
    """Whether naming an expression saves something: more than one addition of simple things."""
    if e.type != I32 or not isinstance(e, Binary | Call):
        return False
    return any(isinstance(c, Binary | Call) for c in children(e)) or (
        isinstance(e, Binary) and e.op in ("*", "/", "%") and not isinstance(e.left, Builtin)
    )


def _arithmetic(s: Stmt, weight: int = 1) -> Iterator[tuple[Expr, int]]:
    own = weight
    for root in exprs(s):
        for e in walk(root):
            if _worth(e):
                yield e, own
    inner = IN_LOOP * weight if isinstance(s, For) else weight
    for block in blocks(s):
        for x in block:
            yield from _arithmetic(x, inner)


def _holds(s: Stmt, wanted: Expr) -> bool:
    return any(e == wanted for e, _ in _arithmetic(s))


def _replaced(s: Stmt, old: Expr, new: Expr) -> Stmt:
    def expr(e: Expr) -> Expr:
        return new if e == old else with_children(e, tuple(expr(c) for c in children(e)))

    made = map_exprs(s, expr)
    match made:
        case For():
            return replace(made, body=tuple(_replaced(x, old, new) for x in made.body))
        case If():
            return replace(
                made,
                then=tuple(_replaced(x, old, new) for x in made.then),
                otherwise=tuple(_replaced(x, old, new) for x in made.otherwise),
            )
        case _:
            return made
