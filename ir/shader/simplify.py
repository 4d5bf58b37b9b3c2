"""Simplifies a kernel: folds by value ranges, drops guards that always hold, unrolls, shares indices."""

from __future__ import annotations

from dataclasses import replace

from tflgpuc.ir.shader.clean import clean
from tflgpuc.ir.shader.expr import Const, Expr, Name, Unary, const
from tflgpuc.ir.shader.facts import Facts
from tflgpuc.ir.shader.fold import fold
from tflgpuc.ir.shader.ranges import Interval
from tflgpuc.ir.shader.share import share
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
from tflgpuc.ir.shader.types import BOOL, I32
from tflgpuc.ir.shader.unroll import Copier, with_unique_names
from tflgpuc.ir.shader.verify import verify

# Folding and sharing feed each other; kernels settle after two or three rounds.
MOST_ROUNDS = 8


def simplify(kernel: Kernel) -> Kernel:
    """The kernel with less code that computes the same; value ranges need its work-group size.

    Raises KernelError where the kernel is ill-formed.
    """
    verify(kernel)
    made = with_unique_names(kernel)
    for _ in range(MOST_ROUNDS):
        before = made.body
        made = share(_settled(made))
        if made.body == before:
            break
    verify(made)
    return made


def _settled(kernel: Kernel) -> Kernel:
    """The kernel folded and cleaned until nothing changes."""
    for _ in range(MOST_ROUNDS):
        made = clean(replace(kernel, body=_Forward(kernel).block(kernel.body)))
        if made == kernel:
            break
        kernel = made
    return kernel


class _Forward:
    """One walk in program order, with what is known at each place."""

    def __init__(self, kernel: Kernel) -> None:
        self.facts = Facts(kernel)
        self.aliases: dict[str, Expr] = {}
        self.copier = Copier(kernel)
        self.assigned = {s.name for s in walk_stmts(kernel.body) if isinstance(s, Assign)}

    def expr(self, e: Expr) -> Expr:
        """The expression folded, names that stand for others replaced."""
        if isinstance(e, Const):
            return e
        found = self.facts.simplified.get(e)
        if found is None:
            found = self.facts.simplified[e] = self._expr(e)
        return found

    def _expr(self, e: Expr) -> Expr:
        if isinstance(e, Name):
            e = self.aliases.get(e.name, e)
        elif operands := children(e):
            e = fold(with_children(e, tuple(map(self.expr, operands))), self.facts.range_of)
        if e.type == I32 and not isinstance(e, Const):
            at = self.facts.range_of(e)
            if at.known:
                return const(at.low, I32)
        if e.type == BOOL and e in self.facts.truths:
            return const(self.facts.truths[e], BOOL)
        return e

    def block(self, body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
        """The statements of a block; known guards are gone, their blocks spliced in."""
        return tuple(made for s in body for made in self.stmt(s))

    def stmt(self, s: Stmt) -> tuple[Stmt, ...]:
        match s:
            case Let():
                return self.let(s)
            case Var():
                if s.value is not None and s.name not in self.assigned:
                    return self.let(Let(s.name, s.value, s.loc))
                return (s if s.value is None else replace(s, value=self.expr(s.value)),)
            case Assign():
                value = self.expr(s.value)
                return () if _idle(s.op, value) else (replace(s, value=value),)
            case Store():
                return (replace(s, index=self.expr(s.index), value=self.expr(s.value)),)
            case For():
                return self.loop(s)
            case If():
                return self.branch(s)
            case Barrier():
                return (s,)

    def let(self, s: Let) -> tuple[Stmt, ...]:
        """A name for a value; none for a literal, or for what has a name that is never assigned."""
        value = self.expr(s.value)
        if isinstance(value, Const | Name) and self.facts.stability(value):
            self.aliases[s.name] = value
            return ()
        self.facts.declare(s.name, value)
        return (replace(s, value=value),)

    def loop(self, s: For) -> tuple[Stmt, ...]:
        start, stop = self.expr(s.start), self.expr(s.stop)
        first, last = self.facts.range_of(start), self.facts.range_of(stop)
        if last.high <= first.low:
            return ()
        highest = last.high - 1
        if isinstance(start, Const) and isinstance(stop, Const):
            trips = range(int(start.value), int(stop.value), s.step)
            if len(trips) == 1 or s.unroll:
                return tuple(
                    made for n, i in enumerate(trips) for made in self.trip(s, i, n, trips)
                )
            highest = trips[-1]
        self.facts.count(s.name, Interval(first.low, highest))
        return (replace(s, start=start, stop=stop, body=self.block(s.body)),)

    def trip(self, s: For, value: int, number: int, trips: range) -> tuple[Stmt, ...]:
        """The body of an unrolled loop for one value of its counter."""
        body, names = self.copier.trip(s, value, number if len(trips) > 1 else None)
        # A variable's copy is as much a variable.
        for known in (self.assigned, self.facts.stability.variables):
            known.update([new for old, new in names.items() if old in known])
        return self.block(body)

    def branch(self, s: If) -> tuple[Stmt, ...]:
        condition = self.expr(s.condition)
        if isinstance(condition, Const):
            return self.block(s.then if condition.value else s.otherwise)
        with self.facts.assuming(condition, True):
            then = self.block(s.then)
        with self.facts.assuming(condition, False):
            otherwise = self.block(s.otherwise)
        if otherwise and not then:
            condition = fold(Unary(BOOL, "!", condition), self.facts.range_of)
            return (replace(s, condition=condition, then=otherwise, otherwise=()),)
        return (replace(s, condition=condition, then=then, otherwise=otherwise),) if then else ()


def _idle(op: str, value: Expr) -> bool:
    """Whether ``x op= value`` changes nothing."""
    if not isinstance(value, Const):
        return False
    return (op in ("+", "-") and value.value == 0) or (op in ("*", "/") and value.value == 1)
