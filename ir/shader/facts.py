"""What is known of a kernel's values at one place: ranges, and conditions that hold there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tflgpuc.ir.shader.expr import (
    Binary,
    Buffer,
    Builtin,
    Call,
    Cast,
    Const,
    Expr,
    Load,
    Memory,
    Name,
    Select,
    Unary,
)
from tflgpuc.ir.shader.fold import FLIPPED
from tflgpuc.ir.shader.ranges import ANY, HIGHEST, LOWEST, ZERO, Interval, combine
from tflgpuc.ir.shader.stmt import Kernel, Store, Var, walk_stmts
from tflgpuc.ir.shader.tree import children
from tflgpuc.ir.shader.types import BOOL, I32

MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


class Facts:
    """Ranges of i32 expressions and truths of conditions.

    Names are unique in the kernel. Only stable expressions are remembered: those that no
    assignment or store changes between two places.
    """

    def __init__(self, kernel: Kernel) -> None:
        self.stability = Stability(kernel)
        self.definitions: dict[str, Expr] = {}
        self.declared: dict[str, Interval] = {}
        self.limits: dict[Expr, Interval] = {}
        self.truths: dict[Expr, bool] = {}
        # What follows from the above; emptied whenever that changes.
        self.simplified: dict[Expr, Expr] = {}
        self._ranges: dict[Expr, Interval] = {}
        self._grid(kernel)

    def _grid(self, kernel: Kernel) -> None:
        for axis in range(3):
            last, local, group = HIGHEST, HIGHEST, HIGHEST
            if kernel.group is not None:
                local, group = kernel.group[axis] - 1, kernel.groups[axis] - 1
                last = kernel.group[axis] * kernel.groups[axis] - 1
            self.limits[Builtin(I32, "global_id", axis)] = Interval(0, last)
            self.limits[Builtin(I32, "local_id", axis)] = Interval(0, local)
            self.limits[Builtin(I32, "group_id", axis)] = Interval(0, group)

    def declare(self, name: str, value: Expr) -> None:
        """Notes what a Let names."""
        if value.type == I32:
            self.declared[name] = self.range_of(value)
            if self.stability(value):
                self.definitions[name] = value

    def count(self, name: str, values: Interval) -> None:
        """Notes what a loop counts."""
        self.declared[name] = values

    # --- ranges ---

    def range_of(self, e: Expr) -> Interval:
        """What an i32 expression can be."""
        if isinstance(e, Const):
            return Interval(int(e.value), int(e.value))
        found = self._ranges.get(e)
        if found is None:
            found = self._range(e)
            if e in self.limits:
                found = found & self.limits[e]
            self._ranges[e] = found
        return found

    def _range(self, e: Expr) -> Interval:
        match e:
            case Name(name=name):
                known = self.declared.get(name, ANY)
                value = self.definitions.get(name)
                return known if value is None else known & self.range_of(value)
            case Binary(op=op, left=a, right=b):
                return combine(op, self.range_of(a), self.range_of(b))
            case Unary(op="-", operand=a):
                return combine("-", ZERO, self.range_of(a))
            case Call(function="min" | "max" as f, args=(a, b)):
                return combine(f, self.range_of(a), self.range_of(b))
            case Call(function="clamp", args=(x, low, high)):
                capped = combine("max", self.range_of(x), self.range_of(low))
                return combine("min", capped, self.range_of(high))
            case Call(function="abs", args=(a,)):
                at = self.range_of(a)
                largest = max(-at.low, at.high)
                return Interval(0, largest) if LOWEST < at.low <= at.high else ANY
            case Call(function="sign"):
                return Interval(-1, 1)
            case Select(if_true=a, if_false=b):
                return self.range_of(a) | self.range_of(b)
            case Cast(operand=x) if x.type == BOOL:
                return Interval(0, 1)
        return ANY

    # --- conditions ---

    @contextmanager
    def assuming(self, condition: Expr, truth: bool) -> Iterator[None]:
        """Knows inside that a condition holds, or that it doesn't."""
        limits, truths = self.limits, self.truths
        self.limits, self.truths = dict(limits), dict(truths)
        self._assume(condition, truth)
        self._forget()
        yield
        self.limits, self.truths = limits, truths
        self._forget()

    def _forget(self) -> None:
        self._ranges, self.simplified = {}, {}

    def _assume(self, condition: Expr, truth: bool) -> None:
        match condition:
            case Unary(op="!", operand=x):
                self._assume(x, not truth)
                return
            case Binary(op="&&", left=a, right=b) if truth:
                self._assume(a, True)
                self._assume(b, True)
            case Binary(op="||", left=a, right=b) if not truth:
                self._assume(a, False)
                self._assume(b, False)
        if not self.stability(condition):
            return
        self.truths[condition] = truth
        match condition:
            case Binary(op=op, left=a, right=b) if op in FLIPPED and a.type == I32:
                self.truths[Binary(BOOL, FLIPPED[op], a, b)] = not truth
                held = op if truth else FLIPPED[op]
                left, right = self.range_of(a), self.range_of(b)
                self._compare(held, a, left, right)
                self._compare(MIRRORED[held], b, right, left)

    def _compare(self, op: str, e: Expr, at: Interval, other: Interval) -> None:
        """Notes that ``e``, within ``at``, compares so with something within ``other``."""
        low, high = at.low, at.high
        match op:
            case "<":
                high = min(high, other.high - 1)
            case "<=":
                high = min(high, other.high)
            case ">":
                low = max(low, other.low + 1)
            case ">=":
                low = max(low, other.low)
            case "==":
                low, high = max(low, other.low), min(high, other.high)
            case "!=" if other.known:
                low, high = low + (low == other.low), high - (high == other.low)
        if (low, high) != (at.low, at.high):
            self._limit(e, Interval(low, high))

    def _limit(self, e: Expr, to: Interval) -> None:
        """Notes a range, and what it says of the operands as far as nothing can wrap."""
        if isinstance(e, Const):
            return
        self.limits[e] = self.limits.get(e, ANY) & to
        self._ranges = {}
        match e:
            case Name(name=name) if name in self.definitions:
                self._limit(self.definitions[name], to)
            case Unary(op="-", operand=a) if self.range_of(a).low > LOWEST:
                self._limit(a, to.scaled(-1))
            case Binary(op="+" | "-" as op, left=a, right=b):
                self._limit_sum(op, a, b, to)
            case Binary(op="*", left=a, right=Const(value=v)) if v > 0:
                if self.range_of(a).scaled(int(v)).fits:
                    self._limit(a, Interval(-(-to.low // int(v)), to.high // int(v)))
            case Binary(op="/", left=a, right=Const(value=v)) if v > 0:
                # Rounding towards zero: 2 v - 1 numbers have the quotient zero.
                low = to.low * int(v) - (int(v) - 1 if to.low <= 0 else 0)
                high = to.high * int(v) + (int(v) - 1 if to.high >= 0 else 0)
                self._limit(a, Interval(low, high))
            case Call(function="min", args=(a, b)):
                for x in (a, b):
                    self._limit(x, Interval(to.low, ANY.high))
            case Call(function="max", args=(a, b)):
                for x in (a, b):
                    self._limit(x, Interval(ANY.low, to.high))

    def _limit_sum(self, op: str, a: Expr, b: Expr, to: Interval) -> None:
        left = self.range_of(a)
        right = self.range_of(b)
        signed = right if op == "+" else right.scaled(-1)
        if not (left + signed).fits:
            return
        if not isinstance(a, Const):
            self._limit(a, Interval(to.low - signed.high, to.high - signed.low))
        if not isinstance(b, Const):
            rest = Interval(to.low - left.high, to.high - left.low)
            self._limit(b, rest if op == "+" else rest.scaled(-1))


class Stability:
    """Says which expressions have one value wherever their names are in scope."""

    def __init__(self, kernel: Kernel) -> None:
        self.variables = {s.name for s in walk_stmts(kernel.body) if isinstance(s, Var)}
        self.stored = {s.memory for s in walk_stmts(kernel.body) if isinstance(s, Store)}
        self._known: dict[Expr, bool] = {}

    def __call__(self, e: Expr) -> bool:
        found = self._known.get(e)
        if found is None:
            found = self._known[e] = self._stable(e)
        return found

    def _stable(self, e: Expr) -> bool:
        match e:
            case Name(name=name):
                return name not in self.variables
            case Load(memory=memory) if not self.read_only(memory):
                return False
        return all(self(x) for x in children(e))

    def read_only(self, memory: Memory) -> bool:
        """Whether nobody writes a memory while the kernel runs."""
        return isinstance(memory, Buffer) and memory.access == "read" and memory not in self.stored
