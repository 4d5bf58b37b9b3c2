"""Integer algebra: i32 sums as terms with factors, and what divides them.

Overflow wraps, so sums and products of constants may always be regrouped; quotients only where
the value ranges prove that nothing wraps.
"""

from __future__ import annotations

from collections.abc import Callable

from tflgpuc.ir.shader.expr import Binary, Call, Const, Expr, Unary, const
from tflgpuc.ir.shader.ranges import HIGHEST, LOWEST, ZERO, Interval, decide, quotient, wrapped
from tflgpuc.ir.shader.types import BOOL, I32

RangeOf = Callable[[Expr], Interval]
Terms = dict[Expr, int]


def integer(value: int) -> Const:
    """An i32 literal."""
    return const(wrapped(value), I32)


def linear(e: Expr) -> tuple[Terms, int]:
    """An i32 sum as factors of its terms, in order of appearance, and its constant."""
    terms: Terms = {}
    constant = _collect(e, 1, terms)
    return {term: f for term, factor in terms.items() if (f := wrapped(factor))}, wrapped(constant)


def _collect(e: Expr, scale: int, terms: Terms) -> int:
    match e:
        case Const(value=v):
            return int(v) * scale
        case Binary(op="+", left=a, right=b):
            return _collect(a, scale, terms) + _collect(b, scale, terms)
        case Binary(op="-", left=a, right=b):
            return _collect(a, scale, terms) + _collect(b, -scale, terms)
        case Unary(op="-", operand=a):
            return _collect(a, -scale, terms)
        case (
            Binary(op="*", left=a, right=Const(value=v))
            | Binary(op="*", left=Const(value=v), right=a)
        ):
            return _product(a, int(v) * scale, terms)
        case _:
            terms[e] = terms.get(e, 0) + scale
            return 0


def _product(e: Expr, scale: int, terms: Terms) -> int:
    """Adds ``e * scale``: a sum of several terms stays one factor, only its constant is moved out."""
    inner, constant = linear(e)
    whole = total(inner, 0)
    if len(inner) > 1 and isinstance(whole, Binary):
        terms[whole] = terms.get(whole, 0) + scale
    else:
        for term, factor in inner.items():
            terms[term] = terms.get(term, 0) + factor * scale
    return constant * scale


def total(terms: Terms, constant: int) -> Expr:
    """The sum of terms, in order but with a positive one first and the constant last.

    Where no term is positive the constant comes first: ``3 - x``.
    """
    first = next((term for term, factor in terms.items() if factor > 0), None)
    ordered = [(t, f) for t, f in terms.items() if t is not first]
    if first is not None:
        ordered.insert(0, (first, terms[first]))
    made: Expr | None = None
    constant = wrapped(constant)
    if first is None and constant:
        made, constant = integer(constant), 0
    for term, factor in ordered:
        if made is None:
            made = Unary(I32, "-", term) if factor == -1 else _scaled(term, factor)
        elif LOWEST < factor < 0:
            made = Binary(I32, "-", made, _scaled(term, -factor))
        else:
            made = Binary(I32, "+", made, _scaled(term, factor))
    if made is None:
        return integer(constant)
    if constant == 0:
        return made
    if LOWEST < constant < 0:
        return Binary(I32, "-", made, integer(-constant))
    return Binary(I32, "+", made, integer(constant))


def _scaled(term: Expr, factor: int) -> Expr:
    return term if factor == 1 else Binary(I32, "*", term, integer(factor))


def normal(e: Expr) -> Expr:
    """An i32 sum or product regrouped; the same node where that changes nothing."""
    terms, constant = linear(e)
    made = total(*_rejoined(terms, constant))
    return e if made == e else made


def _rejoined(terms: Terms, constant: int) -> tuple[Terms, int]:
    """The terms with ``x / c * c + x % c`` as ``x``."""
    for term, factor in terms.items():
        match term:
            case Binary(op="%", left=x, right=Const(value=c)):
                floor = Binary(I32, "/", x, integer(int(c)))
                if terms.get(floor) == wrapped(factor * int(c)):
                    kept = {t: f for t, f in terms.items() if t not in (term, floor)}
                    constant += _product(x, factor, kept)
                    return _rejoined({t: w for t, f in kept.items() if (w := wrapped(f))}, constant)
    return terms, constant


def bound(terms: Terms, constant: int, ranges: RangeOf) -> Interval | None:
    """What a sum is as a mathematical one; None where that may not fit, so that it may wrap."""
    made = Interval(constant, constant)
    for term, factor in terms.items():
        made = made + ranges(term).scaled(factor)
    return made if made.fits else None


def compare(op: str, a: Expr, b: Expr, ranges: RangeOf) -> bool | None:
    """What ``a op b`` is, where ranges tell, or the range of the difference."""
    known = decide(op, ranges(a), ranges(b))
    if known is not None or isinstance(a, Const) or isinstance(b, Const):
        return known
    (left, low), (right, high) = linear(a), linear(b)
    if not left.keys() & right.keys() or not (
        bound(left, low, ranges) and bound(right, high, ranges)
    ):
        return None
    terms = dict(left)
    for term, factor in right.items():
        terms[term] = terms.get(term, 0) - factor
    difference = bound(terms, low - high, ranges)
    return None if difference is None else decide(op, difference, ZERO)


def divided(e: Binary, ranges: RangeOf) -> Expr:
    """``x / c`` or ``x % c`` for a positive constant ``c``, without what ``c`` divides."""
    assert isinstance(e.right, Const)
    divisor = int(e.right.value)
    at = ranges(e.left)
    if -divisor < at.low <= at.high < divisor:
        return integer(0) if e.op == "/" else e.left
    if at.known:
        count = quotient(at.low, divisor)
        return integer(count if e.op == "/" else at.low - count * divisor)
    match e.left:
        case Binary(op="/", left=x, right=Const(value=c)) if e.op == "/" and c > 0:
            product = int(c) * divisor
            return integer(0) if product > HIGHEST else Binary(I32, "/", x, integer(product))
        case Binary(op="%", left=x, right=Const(value=c)) if e.op == "%" and c > 0:
            if int(c) % divisor == 0:
                return Binary(I32, "%", x, e.right)
    return _split(e, divisor, ranges)


def _split(e: Binary, divisor: int, ranges: RangeOf) -> Expr:
    """Divides the terms that ``divisor`` divides, and drops the rest where it is smaller."""
    terms, constant = linear(e.left)
    exact = bound(terms, constant, ranges)
    if exact is None:
        return e
    whole = {t: f // divisor for t, f in terms.items() if f % divisor == 0}
    rest = {t: f for t, f in terms.items() if f % divisor}
    if not rest and constant % divisor == 0:
        return normal(total(whole, constant // divisor)) if e.op == "/" else integer(0)
    part = bound(rest, constant, ranges)
    # Rounding towards zero splits only where neither part is negative.
    if part is None or exact.low < 0:
        return e
    count = part.low // divisor
    most = part.high - count * divisor
    if e.op == "/":
        return normal(total(whole, count)) if most < divisor else e
    kept = total(rest, constant - count * divisor)
    if most < divisor:
        return kept
    return Binary(I32, "%", kept, e.right) if whole or count else e


def folded_integer(e: Binary, ranges: RangeOf) -> Expr:
    """An i32 operation, or a comparison of two, in its simplest form."""
    a, b = e.left, e.right
    match e.op:
        case "+" | "-":
            return normal(e)
        case "*" if isinstance(a, Const) or isinstance(b, Const):
            return normal(e)
        case "/" | "%" if isinstance(b, Const) and b.value > 0:
            return divided(e, ranges)
        case "<" | "<=" | ">" | ">=" | "==" | "!=":
            known = compare(e.op, a, b, ranges)
            return e if known is None else const(known, BOOL)
        case "<<" | ">>" | "|" | "^" if isinstance(b, Const) and b.value == 0:
            return a
        case "&" | "|" | "^" if isinstance(a, Const) and isinstance(b, Const):
            x, y = int(a.value), int(b.value)
            return integer(x & y if e.op == "&" else x | y if e.op == "|" else x ^ y)
    return e


def folded_bound(e: Call, ranges: RangeOf) -> Expr:
    """An i32 ``min``, ``max`` or ``clamp`` without what can't bind."""
    if e.function == "clamp":
        return _clamp(e, ranges)
    x, y = e.args
    least = e.function == "min"
    if compare("<=", x, y, ranges):
        return x if least else y
    if compare(">=", x, y, ranges):
        return y if least else x
    match x, y:
        case Call(function=inner, args=(z, Const(value=v))), Const(value=w) if inner == e.function:
            return Call(I32, inner, (z, integer(int(min(v, w) if least else max(v, w)))))
        case Const(), _:
            return Call(I32, e.function, (y, x))
    return e


def _clamp(e: Call, ranges: RangeOf) -> Expr:
    x, low, high = e.args
    # With low above high the languages disagree, so then nothing is known.
    if not compare("<=", low, high, ranges):
        return e
    if compare("<=", x, low, ranges):
        return low
    if compare(">=", x, high, ranges):
        return high
    above, below = compare(">=", x, low, ranges), compare("<=", x, high, ranges)
    if above and below:
        return x
    if above:
        return Call(I32, "min", (x, high))
    return Call(I32, "max", (x, low)) if below else e
