"""Estimates the registers that a kernel needs: what is alive at once, before any driver compiles it.

GPU compilers work on scalars and keep a name's register until its last use, so the count is of live
scalars, integers among them. What a statement loads counts as alive together: compilers issue loads
early to hide their latency. What doesn't change within a loop is computed before it, and alive all
through it. Loops count as loops; see ``tflgpuc.ir.shader.rolling`` for what unrolling them would do.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tflgpuc.ir.shader.expr import Expr, Load, Name
from tflgpuc.ir.shader.stmt import Assign, For, If, Kernel, Let, Stmt, Var, exprs, walk_stmts
from tflgpuc.ir.shader.tree import walk

Live = frozenset[str]


def pressure(kernel: Kernel) -> float:
    """The most vec4s alive at one place of a kernel."""
    return live_scalars(kernel) / 4


def live_scalars(kernel: Kernel) -> int:
    """The most scalars alive at one place of a kernel."""
    found = _Liveness(widths(kernel.body))
    found.block(kernel.body, frozenset())
    return found.most


def alive_through_loops(kernel: Kernel) -> dict[int, int]:
    """The scalars alive from one trip of a loop to the next, by the ``id`` of its statement."""
    found = _Liveness(widths(kernel.body))
    found.block(kernel.body, frozenset())
    return found.through


def widths(body: tuple[Stmt, ...]) -> dict[str, int]:
    """The scalars in each name that a block and the blocks inside declare."""
    found: dict[str, int] = {}
    for s in walk_stmts(body):
        match s:
            case Let(name=name, value=value):
                found[name] = value.type.lanes
            case Var(name=name, type=type):
                found[name] = type.lanes
            case For(name=name):
                found[name] = 1
    return found


def loaded(e: Expr) -> int:
    """The scalars that an expression loads, equal loads counted once."""
    return sum(x.type.lanes for x in {x for x in walk(e) if isinstance(x, Load)})


def used(e: Expr) -> Live:
    """The names that an expression reads."""
    return frozenset(x.name for x in walk(e) if isinstance(x, Name))


@dataclass
class _Liveness:
    """A walk against program order; ``most`` is the largest sum so far.

    ``through`` has the sum at the end of each loop, by the ``id`` of its statement.
    """

    widths: dict[str, int]
    most: int = 0
    through: dict[int, int] = field(default_factory=dict)
    known: dict[Expr, tuple[Live, int]] = field(default_factory=dict)
    hoisted: Live = frozenset()

    def block(self, body: tuple[Stmt, ...], after: Live) -> Live:
        """What is alive before a block, given what is after it."""
        for s in reversed(body):
            after = self.stmt(s, after)
        return after

    def stmt(self, s: Stmt, after: Live) -> Live:
        """What is alive before a statement."""
        self.note(after)
        match s:
            case For():
                return self.loop(s, after)
            case If():
                then = self.block(s.then, after)
                return self.reads(s, then | self.block(s.otherwise, after))
            case Let(name=name) if name in self.hoisted:
                return after
            case Let(name=name) | Var(name=name):
                return self.reads(s, after - {name})
            case Assign(name=name, op=op):
                return self.reads(s, after | {name} if op else after - {name})
            case _:
                return self.reads(s, after)

    def loop(self, s: For, after: Live) -> Live:
        """A loop keeps its counter, its bound and what the next trip reads alive to its end."""
        bound = used(s.stop) | {s.name}
        lets, hoisted = self.invariant(s)
        outer, self.hoisted = self.hoisted, self.hoisted | lets
        end = after | bound | hoisted
        # The first walk finds what the body needs of the trip before, the second counts with it.
        quiet = _Liveness(self.widths, known=self.known, hoisted=self.hoisted)
        end |= quiet.block(s.body, end)
        self.through[id(s)] = self.width(end)
        before = self.block(s.body, end)
        self.hoisted = outer
        return self.reads(s, (before | after) - {s.name} - lets)

    def invariant(self, s: For) -> tuple[Live, Live]:
        """The names that a loop's body declares but that don't change in it, and those it reads."""
        inner = list(walk_stmts(s.body))
        changing = {s.name} | {x.name for x in inner if isinstance(x, Assign | Var | For)}
        lets: set[str] = set()
        read: set[str] = set()
        for x in inner:
            names: set[str] = set()
            fetched = 0
            for e in exprs(x):
                found, scalars = self.facts(e)
                names |= found
                fetched += scalars
            if not isinstance(x, Let):
                read |= names
            elif fetched or not names.isdisjoint(changing):
                changing.add(x.name)
                read |= names
            else:
                lets.add(x.name)
        return frozenset(lets), frozenset(lets & read)

    def facts(self, e: Expr) -> tuple[Live, int]:
        """The names that an expression reads, and the scalars that it loads."""
        if e not in self.known:
            self.known[e] = used(e), loaded(e)
        return self.known[e]

    def reads(self, s: Stmt, others: Live) -> Live:
        """What is alive before a statement's own expressions, ``others`` being so for other reasons."""
        before, fetched = others, 0
        for e in exprs(s):
            names, scalars = self.facts(e)
            before, fetched = before | names, fetched + scalars
        self.note(before, fetched)
        return before

    def note(self, live: Live, more: int = 0) -> None:
        self.most = max(self.most, more + self.width(live))

    def width(self, live: Live) -> int:
        return sum(self.widths[name] for name in live)
