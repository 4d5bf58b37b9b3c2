"""Decides which loops have to stay loops.

Drivers' compilers write out loops of few trips and then issue all their loads at once. Where that takes
more registers than there are, they spill: worse than any loop.
"""

from __future__ import annotations

from dataclasses import replace

from tflgpuc.ir.shader.expr import Const
from tflgpuc.ir.shader.pressure import alive_through_loops, loaded
from tflgpuc.ir.shader.stats import trips
from tflgpuc.ir.shader.stmt import For, If, Kernel, Stmt, exprs

# Loops of more trips than this are left alone by compilers.
MOST_TRIPS = 64


def keep_loops(kernel: Kernel, registers: float) -> Kernel:
    """The kernel with those loops ``rolled`` that unrolled would need more than ``registers`` vec4s."""
    body, _ = _Loops(kernel, registers * 4).block(kernel.body)
    return replace(kernel, body=body)


class _Loops:
    """A walk from inside out: an outer loop can only be unrolled where the loops in it are."""

    def __init__(self, kernel: Kernel, scalars: float) -> None:
        self.through = alive_through_loops(kernel)
        self.scalars = scalars

    def block(self, body: tuple[Stmt, ...]) -> tuple[tuple[Stmt, ...], int | None]:
        """The block, and the scalars that it loads; None where a loop stays in it."""
        made: list[Stmt] = []
        total: int | None = 0
        # What loops since the last one that stays load: unrolled they become one piece of code.
        spent = 0
        for s in body:
            new, scalars = self.stmt(s, spent)
            made.append(new)
            total = None if total is None or scalars is None else total + scalars
            spent = 0 if scalars is None else spent + scalars * isinstance(s, For)
        return tuple(made), total

    def stmt(self, s: Stmt, spent: int) -> tuple[Stmt, int | None]:
        match s:
            case For():
                return self.loop(s, spent)
            case If():
                then, some = self.block(s.then)
                otherwise, others = self.block(s.otherwise)
                made = replace(s, then=then, otherwise=otherwise)
                own = loaded(s.condition)
                return made, None if some is None or others is None else own + some + others
            case _:
                return s, sum(map(loaded, exprs(s)))

    def loop(self, s: For, spent: int) -> tuple[For, int | None]:
        body, scalars = self.block(s.body)
        made = replace(s, body=body)
        known = isinstance(s.start, Const) and isinstance(s.stop, Const)
        if scalars is None or not known or trips(s) > MOST_TRIPS:
            return made, None
        flat = scalars * trips(s)
        if spent + flat + self.through[id(s)] > self.scalars:
            return replace(made, rolled=True), None
        return made, flat
