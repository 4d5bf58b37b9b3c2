"""Intervals: what values an i32 expression can have."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

LOWEST, HIGHEST = -(2**31), 2**31 - 1


@dataclass(frozen=True, slots=True)
class Interval:
    """All integers from ``low`` to ``high``, both included; none where ``low`` is larger."""

    low: int
    high: int

    def __and__(self, other: Interval) -> Interval:
        return Interval(max(self.low, other.low), min(self.high, other.high))

    def __or__(self, other: Interval) -> Interval:
        return Interval(min(self.low, other.low), max(self.high, other.high))

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.high + other.high)

    def scaled(self, factor: int) -> Interval:
        """The products with a factor, without wrapping."""
        ends = (self.low * factor, self.high * factor)
        return Interval(min(ends), max(ends))

    @property
    def known(self) -> bool:
        """Whether there is only one value."""
        return self.low == self.high

    @property
    def fits(self) -> bool:
        """Whether every value is an i32."""
        return self.low >= LOWEST and self.high <= HIGHEST


ANY = Interval(LOWEST, HIGHEST)
ZERO = Interval(0, 0)


def wrapped(value: int) -> int:
    """The i32 with the low 32 bits of ``value``: what an overflow leaves."""
    return (value - LOWEST) % 2**32 + LOWEST


def quotient(a: int, b: int) -> int:
    """Division that rounds towards zero."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def combine(op: str, a: Interval, b: Interval) -> Interval:
    """The interval of ``a op b``; everything where an overflow could wrap."""
    if a.low > a.high or b.low > b.high:
        return ANY
    made = _combine(op, a, b)
    return made if made.fits else ANY


def _combine(op: str, a: Interval, b: Interval) -> Interval:
    match op:
        case "+":
            return a + b
        case "-":
            return a + b.scaled(-1)
        case "*":
            return _hull([x * y for x, y in _corners(a, b)])
        case "/" if b.low > 0:
            return _hull([quotient(x, y) for x, y in _corners(a, b)])
        case "%" if b.low > 0:
            return _remainders(a, b)
        case "<<" if b.low >= 0 and b.high < 32:
            return _hull([x << y for x, y in _corners(a, b)])
        case ">>" if b.low >= 0 and b.high < 32:
            return _hull([x >> y for x, y in _corners(a, b)])
        case "&" if a.low >= 0 or b.low >= 0:
            return Interval(0, min(x.high for x in (a, b) if x.low >= 0))
        case "|" | "^" if a.low >= 0 and b.low >= 0:
            return Interval(0, (1 << max(a.high, b.high).bit_length()) - 1)
        case "min":
            return Interval(min(a.low, b.low), min(a.high, b.high))
        case "max":
            return Interval(max(a.low, b.low), max(a.high, b.high))
        case _:
            return ANY


def _corners(a: Interval, b: Interval) -> itertools.product[tuple[int, int]]:
    return itertools.product((a.low, a.high), (b.low, b.high))


def _hull(values: list[int]) -> Interval:
    return Interval(min(values), max(values))


def _remainders(a: Interval, b: Interval) -> Interval:
    """A remainder has the dividend's sign and is smaller than the divisor."""
    if a.known and b.known:
        value = a.low - quotient(a.low, b.low) * b.low
        return Interval(value, value)
    most = b.high - 1
    low = 0 if a.low >= 0 else max(a.low, -most)
    high = 0 if a.high <= 0 else min(a.high, most)
    return Interval(low, high)


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
