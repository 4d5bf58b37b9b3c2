"""Counts what a kernel does, before it is printed."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from tflgpuc.ir.shader.expr import Binary, Buffer, Call, Const, Expr, Load, Name, Unary, walk
from tflgpuc.ir.shader.stmt import Assign, For, Kernel, Let, Stmt, Store, Var, blocks, exprs


@dataclass(frozen=True)
class Stats:
    """Totals over the invocations that have work.

    ``flops`` counts each lane of float arithmetic; ``load_bytes`` and ``store_bytes`` buffer traffic
    without caches. ``registers`` estimates the 32-bit scalars alive at once in an invocation. Loops
    whose bounds aren't constants count once; both sides of a branch count.
    """

    flops: int
    loads: int
    stores: int
    load_bytes: int
    store_bytes: int
    registers: int
    shared_bytes: int
    invocations: int


def stats(kernel: Kernel) -> Stats:
    """What all invocations of a kernel do together."""
    invocations = math.prod(kernel.grid)
    once = _count(kernel.body)
    return Stats(
        flops=once["flops"] * invocations,
        loads=once["loads"] * invocations,
        stores=once["stores"] * invocations,
        load_bytes=once["load_bytes"] * invocations,
        store_bytes=once["store_bytes"] * invocations,
        registers=_registers(kernel.body),
        shared_bytes=kernel.shared_bytes,
        invocations=invocations,
    )


def trips(s: For) -> int:
    """How often a loop runs; 1 where that isn't a constant."""
    if isinstance(s.start, Const) and isinstance(s.stop, Const):
        return len(range(int(s.start.value), int(s.stop.value), s.step))
    return 1


def _count(body: tuple[Stmt, ...]) -> Counter[str]:
    total: Counter[str] = Counter()
    for s in body:
        for root in exprs(s):
            for e in walk(root):
                total["flops"] += _flops(e)
                if isinstance(e, Load) and isinstance(e.memory, Buffer):
                    total["loads"] += 1
                    total["load_bytes"] += e.memory.element_bytes
        if isinstance(s, Assign) and s.op and s.value.type.is_float:
            total["flops"] += s.value.type.lanes
        if isinstance(s, Store) and isinstance(s.memory, Buffer):
            total["stores"] += 1
            total["store_bytes"] += s.memory.element_bytes
        times = trips(s) if isinstance(s, For) else 1
        for block in blocks(s):
            for key, n in _count(block).items():
                total[key] += n * times
    return total


def _flops(e: Expr) -> int:
    match e:
        case Binary() | Unary() if e.type.is_float:
            return e.type.lanes
        case Call(function="dot", args=(a, _)):
            return 2 * a.type.lanes - 1
        case Call() if e.type.is_float:
            return e.type.lanes
        case _:
            return 0


def _registers(body: tuple[Stmt, ...]) -> int:
    """The most scalars alive between two statements, names living from declaration to last use."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    width: dict[str, int] = {}
    position = 0

    def visit(block: tuple[Stmt, ...], stretch: list[tuple[int, int]]) -> None:
        nonlocal position
        for s in block:
            position += 1
            if isinstance(s, Let | Var):
                first[s.name] = position
                width[s.name] = s.value.type.lanes if isinstance(s, Let) else s.type.lanes
            if isinstance(s, Assign):
                last[s.name] = position
            for root in exprs(s):
                for e in walk(root):
                    if isinstance(e, Name):
                        last[e.name] = position
            start = position
            for inner in blocks(s):
                visit(inner, stretch)
            if isinstance(s, For):
                stretch.append((start, position))

    loops: list[tuple[int, int]] = []
    visit(body, loops)
    change: Counter[int] = Counter()
    for name, start in first.items():
        end = last.get(name, start)
        for a, b in loops:
            # A value made before a loop and read in it is needed until the loop ends.
            if start <= a < end <= b:
                end = b
        change[start] += width[name]
        change[end + 1] -= width[name]
    most = now = 0
    for at in sorted(change):
        now += change[at]
        most = max(most, now)
    return most
