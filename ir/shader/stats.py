"""Counts what a kernel does, before it is printed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tflgpuc.ir.shader.expr import Binary, Buffer, Call, Const, Expr, Load, Name, Unary
from tflgpuc.ir.shader.stmt import Assign, For, If, Kernel, Let, Stmt, Store, Var, blocks, exprs
from tflgpuc.ir.shader.tree import walk


@dataclass(frozen=True)
class Traffic:
    """Accesses to one buffer, in elements and in bytes of storage, without caches."""

    name: str
    loads: int
    stores: int
    load_bytes: int
    store_bytes: int


@dataclass(frozen=True)
class Stats:
    """Totals over the invocations that have work.

    ``flops`` counts each lane of float arithmetic; ``loads`` to ``store_bytes`` are sums over
    ``buffers``, without shared memory. ``registers`` estimates the float scalars alive at once in an
    invocation. How often loops run is ``about``'s answer; of a branch the ``then`` side counts.
    """

    flops: int
    loads: int
    stores: int
    load_bytes: int
    store_bytes: int
    buffers: tuple[Traffic, ...]
    registers: int
    shared_bytes: int
    shared_accesses: int
    invocations: int


def stats(kernel: Kernel) -> Stats:
    """What all invocations of a kernel do together."""
    invocations = math.prod(kernel.grid)
    count = counts(kernel)
    buffers = tuple(_traffic(b, count.loads[b.name], count.stores[b.name]) for b in kernel.buffers)
    return Stats(
        flops=count.flops,
        loads=sum(b.loads for b in buffers),
        stores=sum(b.stores for b in buffers),
        load_bytes=sum(b.load_bytes for b in buffers),
        store_bytes=sum(b.store_bytes for b in buffers),
        buffers=buffers,
        registers=_registers(kernel.body),
        shared_bytes=kernel.shared_bytes,
        shared_accesses=sum(count.loads[s.name] + count.stores[s.name] for s in kernel.shared),
        invocations=invocations,
    )


def counts(kernel: Kernel) -> Counts:
    """The sums alone, without what has to be found out of the program's order."""
    count = Counts()
    count.block(kernel.body, math.prod(kernel.grid))
    return count


def trips(s: For) -> int:
    """How often a loop runs; 1 where that isn't a constant."""
    if isinstance(s.start, Const) and isinstance(s.stop, Const):
        return len(range(int(s.start.value), int(s.stop.value), s.step))
    return 1


def about(s: For) -> int:
    """How often a loop runs, roughly where its bounds aren't constants, and once where nobody knows.

    A bound that is the least of some counts as the constant among them. A loop of larger steps from an
    unknown start is taken for one that a group's invocations share, each beginning at its own number.
    """
    stop = s.stop
    if isinstance(stop, Call) and stop.function == "min":
        stop = next((e for e in stop.args if isinstance(e, Const)), stop)
    if not isinstance(stop, Const) or (s.step == 1 and not isinstance(s.start, Const)):
        return 1
    start = s.start.value if isinstance(s.start, Const) else 0
    return len(range(int(start), int(stop.value), s.step))


def _traffic(b: Buffer, loads: int, stores: int) -> Traffic:
    return Traffic(b.name, loads, stores, loads * b.element_bytes, stores * b.element_bytes)


class Counts:
    """Sums over the times that each statement runs: float operations, accesses by memory."""

    def __init__(self) -> None:
        self.flops = 0
        self.loads: Counter[str] = Counter()
        self.stores: Counter[str] = Counter()

    def block(self, body: tuple[Stmt, ...], times: int) -> None:
        for s in body:
            for root in exprs(s):
                for e in walk(root):
                    self.flops += _flops(e) * times
                    if isinstance(e, Load):
                        self.loads[e.memory.name] += times
            match s:
                case Assign(op=op, value=value) if op and value.type.is_float:
                    self.flops += value.type.lanes * times
                case Store(memory=memory):
                    self.stores[memory.name] += times
                case For(body=inner):
                    self.block(inner, times * about(s))
                case If(then=then):
                    self.block(then, times)


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
    """The most float scalars alive at one statement, from a name's declaration to its last use."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    width: dict[str, int] = {}
    loops: list[tuple[int, int]] = []
    for position, s, end in _positions(body):
        if isinstance(s, Let | Var):
            type = s.value.type if isinstance(s, Let) else s.type
            first[s.name] = last[s.name] = position
            width[s.name] = type.lanes if type.is_float else 0
        if isinstance(s, Assign):
            last[s.name] = position
        if isinstance(s, For):
            loops.append((position, end))
        for root in exprs(s):
            last.update((e.name, position) for e in walk(root) if isinstance(e, Name))
    change: Counter[int] = Counter()
    for name, start in first.items():
        # What a loop reads of before it is needed until the loop ends; outer loops come first.
        end = max([last[name], *(b for a, b in loops if start < a < last[name] <= b)])
        change[start] += width[name]
        change[end + 1] -= width[name]
    most = now = 0
    for at in sorted(change):
        now += change[at]
        most = max(most, now)
    return most


def _positions(body: tuple[Stmt, ...], start: int = 0) -> Iterator[tuple[int, Stmt, int]]:
    """Statements in program order, numbered, with the number of the last one inside each."""
    for s in body:
        position = start
        inner = []
        for block in blocks(s):
            inner += list(_positions(block, start + 1))
            start = inner[-1][2] if inner else start
        start = max([position, *(end for _, _, end in inner)])
        yield position, s, start
        yield from inner
        start += 1
