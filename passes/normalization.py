"""Layer and instance normalisation, found in the arithmetic that converters spell them with."""

from __future__ import annotations

from typing import Any

from tflgpuc.backends.kernels.catalogue import unsupported
from tflgpuc.ir.graph.op import Op, Value, merged_sources
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.div import Div
from tflgpuc.ir.graph.ops.mean import Mean
from tflgpuc.ir.graph.ops.mul import Mul
from tflgpuc.ir.graph.ops.neg import Neg
from tflgpuc.ir.graph.ops.normalize import Normalize
from tflgpuc.ir.graph.ops.rsqrt import Rsqrt
from tflgpuc.ir.graph.ops.sqrt import Sqrt
from tflgpuc.ir.graph.ops.square import Square
from tflgpuc.ir.graph.ops.squared_difference import SquaredDifference
from tflgpuc.ir.graph.ops.sub import Sub
from tflgpuc.passes.identities import number
from tflgpuc.passes.rules import Match, Rules

normalizations = Rules("normalizations")


@normalizations
def scaled_and_shifted(op: Add | Sub, match: Match) -> Value | None:
    """X * s + (b - mean * s), s a multiple of the inverse deviation: batch normalisation's form."""
    found = _affine(op)
    if found is None:
        return None
    x, scale, shift, mean = found
    if not match.only_use(shift):
        return match.no("the shift has other readers")
    for inverse, factor in _factors(scale):
        made = _normalized(x, mean, inverse, op, match)
        if made is None:
            continue
        if factor is not None:
            made = Mul(lhs=made, rhs=factor).result
        offset = _offset(shift)
        if offset is not None:
            made = Add(lhs=made, rhs=offset).result
        return made if made.type.shape == op.result.type.shape else None
    return match.no("its scale is no inverse deviation")


@normalizations
def centred_times_inverse(op: Mul, match: Match) -> Value | None:
    """(x - mean) * rsqrt(variance + epsilon)."""
    for centred, inverse in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        difference = _plain(centred.op, Sub)
        if difference is not None and op.fused_activation_function == "NONE":
            made = _normalized(difference.lhs, difference.rhs, inverse, op, match)
            if made is not None:
                return made
    return None


@normalizations
def centred_by_deviation(op: Div, match: Match) -> Value | None:
    """(x - mean) / sqrt(variance + epsilon)."""
    difference = _plain(op.lhs.op, Sub)
    if difference is None or op.fused_activation_function != "NONE":
        return None
    return _normalized(difference.lhs, difference.rhs, op.rhs, op, match, Sqrt)


def _plain(op: Op | None, kind: type[Any]) -> Any:
    """The op, if it is of this class and activates nothing."""
    fits = isinstance(op, kind) and op.attributes.get("fused_activation_function", "NONE") == "NONE"
    return op if fits else None


def _affine(op: Add | Sub) -> tuple[Value, Value, Value, Value] | None:
    """x, s, the shift and the mean of ``x * s + shift``, whose shift takes ``mean * s`` away."""
    if op.fused_activation_function != "NONE":
        return None
    for product, shift in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        both = _plain(product.op, Mul)
        if both is None or (isinstance(op, Sub) and product is op.rhs):
            continue
        for x, scale in ((both.lhs, both.rhs), (both.rhs, both.lhs)):
            mean = _taken_away(shift, scale, isinstance(op, Sub))
            if mean is not None and mean.op is not None and mean.op.operands[0] is x:
                return x, scale, shift, mean
    return None


def _taken_away(shift: Value, scale: Value, subtracted: bool) -> Value | None:
    """The mean m of a shift of b - m * scale, or -m * scale; with ``subtracted`` of m * scale."""
    if subtracted:
        product, negated = _plain(shift.op, Mul), False
    elif isinstance(shift.op, Neg):
        product, negated = _plain(shift.op.x.op, Mul), False
    elif (difference := _plain(shift.op, Sub)) is not None:
        product, negated = _plain(difference.rhs.op, Mul), False
    else:
        product, negated = _plain(shift.op, Mul), True
    if product is None:
        return None
    for mean, other in ((product.lhs, product.rhs), (product.rhs, product.lhs)):
        if other is scale and isinstance(mean.op, Neg if negated else Mean):
            return mean.op.x if isinstance(mean.op, Neg) else mean
    return None


def _offset(shift: Value) -> Value | None:
    """The b of a shift of b - m * scale."""
    difference = _plain(shift.op, Sub)
    return None if difference is None else difference.lhs


def _factors(scale: Value) -> list[tuple[Value, Value | None]]:
    """An inverse deviation, and what multiplies it: what a scale can be."""
    product = _plain(scale.op, Mul)
    if product is None:
        return [(scale, None)]
    return [(product.lhs, product.rhs), (product.rhs, product.lhs)]


def _normalized(
    x: Value,
    mean: Value,
    inverse: Value,
    op: Op,
    match: Match,
    kind: type[Rsqrt] | type[Sqrt] = Rsqrt,
) -> Value | None:
    """X normalised, if ``mean`` is its mean and ``inverse`` the root of its variance."""
    root, average = inverse.op, mean.op
    if not isinstance(root, kind) or not isinstance(average, Mean) or average.input is not x:
        return None
    epsilon, variance = _stabilised(root.x)
    spread = variance.op
    if not isinstance(spread, Mean) or spread.axes != average.axes or x.type.dtype != "f32":
        return match.no("mean and variance are of different axes")
    if not average.keep_dims or not spread.keep_dims or epsilon < 0:
        return match.no("the mean lacks the axes")
    if not _is_deviation(spread.input, x, mean):
        return match.no("the variance isn't of what is normalised")
    made = Normalize(
        input=x,
        axes=average.axes,
        epsilon=epsilon,
        sources=merged_sources(average, spread, root, op),
        names=op.names,
    )
    reason = unsupported(made, match.target)
    return match.no(reason) if reason else made.result


def _stabilised(value: Value) -> tuple[float, Value]:
    """The epsilon that is added to a variance, and the variance."""
    total = _plain(value.op, Add)
    if total is not None:
        for given, other in ((total.lhs, total.rhs), (total.rhs, total.lhs)):
            epsilon = number(other)
            if epsilon is not None and given.type.shape == value.type.shape:
                return epsilon, given
    return 0.0, value


def _is_deviation(value: Value, x: Value, mean: Value) -> bool:
    """Whether a value is (x - mean) squared."""
    match value.op:
        case SquaredDifference(lhs=a, rhs=b):
            return {a, b} == {x, mean}
        case Square(x=centred):
            difference = _plain(centred.op, Sub)
        case Mul(lhs=a, rhs=b) if a is b:
            difference = _plain(a.op, Sub)
        case _:
            return False
    return difference is not None and {difference.lhs, difference.rhs} == {x, mean}
