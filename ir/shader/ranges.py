"""Intervals: what values an integer expression can have."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

LOWEST, HIGHEST = -(2**31), 2**31 - 1


@dataclass(frozen=True, slots=True)
class Interval:
    """All integers from ``low`` to ``high``, both included."""

    low: int
    high: int

    def __and__(self, other: Interval) -> Interval:
        return Interval(max(self.low, other.low), min(self.high, other.high))

    def __or__(self, other: Interval) -> Interval:
        return Interval(min(self.low, other.low), max(self.high, other.high))

    @property
    def known(self) -> bool:
        """Whether there is only one value."""
        return self.low == self.high


ANY = Interval(LOWEST, HIGHEST)


def _fit(low: int, high: int) -> Interval:
    """An interval; everything where the exact one doesn't fit 32 bits, since overflow wraps."""
    return Interval(low, high) if LOWEST <= low and high <= HIGHEST else ANY


def _quotient(a: int, b: int) -> int:
    """Division that rounds towards zero."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def combine(op: str, a: Interval, b: Interval) -> Interval:
    """The interval of ``a op b``."""
    ends = list(itertools.product((a.low, a.high), (b.low, b.high)))
    match op:
        case "+":
            return _fit(a.low + b.low, a.high + b.high)
        case "-":
            return _fit(a.low - b.high, a.high - b.low)
        case "*":
            products = [x * y for x, y in ends]
            return _fit(min(products), max(products))
        case "/" if b.low > 0:
            quotients = [_quotient(x, y) for x, y in ends]
            return _fit(min(quotients), max(quotients))
        case "%" if b.low > 0:
            high = min(a.high, b.high - 1) if a.low >= 0 else b.high - 1
            return Interval(0 if a.low >= 0 else -(b.high - 1), max(high, 0))
        case ">>" if a.low >= 0 and 0 <= b.low and b.high < 32:
            return Interval(a.low >> b.high, a.high >> b.low)
        case "min":
            return Interval(min(a.low, b.low), min(a.high, b.high))
        case "max":
            return Interval(max(a.low, b.low), max(a.high, b.high))
        case _:
            return ANY


def decide(op: str, a: Interval, b: Interval) -> bool | None:
    """What ``a op b`` is, where the intervals tell."""
    match op:
        case "<":
            return True if a.high < b.low else False if a.low >= b.high else None
        case "<=":
            return True if a.high <= b.low else False if a.low > b.high else None
        case ">":
            return decide("<", b, a)
        case ">=":
            return decide("<=", b, a)
        case "==":
            if a.known and a == b:
                return True
            return False if a.high < b.low or b.high < a.low else None
        case "!=":
            same = decide("==", a, b)
            return None if same is None else not same
        case _:
            return None
