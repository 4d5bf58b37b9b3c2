"""Simplifies a kernel: folds by value ranges, drops guards that always hold, unrolls, shares indices."""

from __future__ import annotations

from dataclasses import replace

from tflgpuc.ir.shader.clean import clean
from tflgpuc.ir.shader.expr import (
    Binary,
    Builtin,
    Call,
    Const,
    Expr,
    Name,
    Select,
    children,
    const,
    with_children,
)
from tflgpuc.ir.shader.fold import fold
from tflgpuc.ir.shader.ranges import ANY, Interval, combine
from tflgpuc.ir.shader.share import share
from tflgpuc.ir.shader.stmt import Assign, Barrier, For, If, Kernel, Let, Stmt, Store, Var
from tflgpuc.ir.shader.types import I32
from tflgpuc.ir.shader.verify import verify


def simplify(kernel: Kernel) -> Kernel:
    """The kernel with less code that computes the same; its work-group size must be known.

    Raises KernelError where the kernel is ill-formed.
    """
    verify(kernel)
    made = replace(kernel, body=_Forward(kernel).block(kernel.body))
    made = clean(made)
    made = share(made)
    verify(made)
    return made


class _Forward:
    """One walk in program order, with what is known of each name and of expressions under a guard."""

    def __init__(self, kernel: Kernel) -> None:
        self.ranges: dict[Expr, Interval] = {}
        self.aliases: dict[str, Expr] = {}
        self.copies = 0
        for axis in range(3):
            size, groups = kernel.size[axis], kernel.groups[axis]
            self.ranges[Builtin(I32, "global_id", axis)] = Interval(0, size * groups - 1)
            self.ranges[Builtin(I32, "local_id", axis)] = Interval(0, size - 1)
            self.ranges[Builtin(I32, "group_id", axis)] = Interval(0, groups - 1)

    # --- expressions ---

    def range_of(self, e: Expr) -> Interval:
        """What an i32 expression can be."""
        known = self.ranges.get(e, ANY)
        match e:
            case Const(value=v):
                return Interval(int(v), int(v))
            case Binary(op=op, left=a, right=b):
                return known & combine(op, self.range_of(a), self.range_of(b))
            case Call(function="min" | "max" as f, args=(a, b)):
                return known & combine(f, self.range_of(a), self.range_of(b))
            case Call(function="clamp", args=(x, low, high)):
                capped = combine("max", self.range_of(x), self.range_of(low))
                return known & combine("min", capped, self.range_of(high))
            case Select(if_true=a, if_false=b):
                return known & (self.range_of(a) | self.range_of(b))
        return known

    def expr(self, e: Expr) -> Expr:
        """The expression folded, names that stand for others replaced."""
        if isinstance(e, Name):
            e = self.aliases.get(e.name, e)
        elif children(e):
            e = fold(with_children(e, tuple(self.expr(c) for c in children(e))), self.range_of)
        if e.type == I32 and not isinstance(e, Const):
            at = self.range_of(e)
            if at.known:
                return const(at.low, I32)
        return e

    # --- statements ---

    def block(self, body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
        """The statements of a block; known guards are gone, their blocks spliced in."""
        made: list[Stmt] = []
        for s in body:
            made.extend(self.stmt(s))
        return tuple(made)

    def stmt(self, s: Stmt) -> tuple[Stmt, ...]:
        match s:
            case Let():
                value = self.expr(s.value)
                if isinstance(value, Const | Name):
                    self.aliases[s.name] = value
                    return ()
                if value.type == I32:
                    self.ranges[Name(I32, s.name)] = self.range_of(value)
                return (replace(s, value=value),)
            case Var():
                return (s if s.value is None else replace(s, value=self.expr(s.value)),)
            case Assign():
                return (replace(s, value=self.expr(s.value)),)
            case Store():
                return (replace(s, index=self.expr(s.index), value=self.expr(s.value)),)
            case For():
                return self.loop(s)
            case If():
                return self.branch(s)
            case Barrier():
                return (s,)

    def loop(self, s: For) -> tuple[Stmt, ...]:
        start, stop = self.expr(s.start), self.expr(s.stop)
        first, last = self.range_of(start), self.range_of(stop)
        if last.high <= first.low:
            return ()
        if isinstance(start, Const) and isinstance(stop, Const):
            trips = range(int(start.value), int(stop.value), s.step)
            if len(trips) == 1 or s.unroll:
                return tuple(x for i in trips for x in self.copy(s, i, len(trips) > 1))
        self.ranges[Name(I32, s.name)] = Interval(first.low, last.high - 1)
        return (replace(s, start=start, stop=stop, body=self.block(s.body)),)

    def copy(self, s: For, i: int, rename: bool) -> tuple[Stmt, ...]:
        """The body of a loop for one value of its counter, with names of its own."""
        self.aliases[s.name] = const(i, I32)
        if not rename:
            return self.block(s.body)
        self.copies += 1
        return self.block(_renamed(s.body, f"_{self.copies}"))

    def branch(self, s: If) -> tuple[Stmt, ...]:
        condition = self.expr(s.condition)
        if isinstance(condition, Const):
            return self.block(s.then if condition.value else s.otherwise)
        before = dict(self.ranges)
        self.narrow(condition)
        # What is known under the guard may simplify the rest of the guard itself.
        then = self.block(s.then)
        self.ranges = before
        otherwise = self.block(s.otherwise)
        if not then and not otherwise:
            return ()
        return (replace(s, condition=condition, then=then, otherwise=otherwise),)

    def narrow(self, condition: Expr) -> None:
        """Records what a condition that holds says about its sides."""
        match condition:
            case Binary(op="&&", left=a, right=b):
                self.narrow(a)
                self.narrow(b)
            case Binary(op="<" | "<=" | ">" | ">=" | "==" as op, left=a, right=b) if a.type == I32:
                left, right = self.range_of(a), self.range_of(b)
                self._limit(op, a, right)
                flipped = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}[op]
                self._limit(flipped, b, left)

    def _limit(self, op: str, e: Expr, other: Interval) -> None:
        if isinstance(e, Const):
            return
        limit = {
            "<": Interval(ANY.low, other.high - 1),
            "<=": Interval(ANY.low, other.high),
            ">": Interval(other.low + 1, ANY.high),
            ">=": Interval(other.low, ANY.high),
            "==": other,
        }[op]
        self.ranges[e] = self.ranges.get(e, ANY) & limit


def _renamed(body: tuple[Stmt, ...], suffix: str) -> tuple[Stmt, ...]:
    """A copy of a block whose own names end in ``suffix``."""
    own: dict[str, str] = {}

    def expr(e: Expr) -> Expr:
        if isinstance(e, Name):
            return Name(e.type, own.get(e.name, e.name))
        return with_children(e, tuple(expr(c) for c in children(e)))

    def stmt(s: Stmt) -> Stmt:
        match s:
            case Let():
                value = expr(s.value)
                own[s.name] = s.name + suffix
                return replace(s, name=own[s.name], value=value)
            case Var():
                start = None if s.value is None else expr(s.value)
                own[s.name] = s.name + suffix
                return replace(s, name=own[s.name], value=start)
            case Assign():
                return replace(s, name=own.get(s.name, s.name), value=expr(s.value))
            case Store():
                return replace(s, index=expr(s.index), value=expr(s.value))
            case For():
                start, stop = expr(s.start), expr(s.stop)
                own[s.name] = s.name + suffix
                inner = tuple(stmt(x) for x in s.body)
                return replace(s, name=own[s.name], start=start, stop=stop, body=inner)
            case If():
                return replace(
                    s,
                    condition=expr(s.condition),
                    then=tuple(stmt(x) for x in s.then),
                    otherwise=tuple(stmt(x) for x in s.otherwise),
                )
            case Barrier():
                return s

    return tuple(stmt(s) for s in body)
