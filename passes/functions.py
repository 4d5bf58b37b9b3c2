"""Activations and softmax, found in the arithmetic that converters spell them with."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.div import Div
from tflgpuc.ir.graph.ops.exp import Exp
from tflgpuc.ir.graph.ops.gelu import Gelu
from tflgpuc.ir.graph.ops.hard_swish import HardSwish
from tflgpuc.ir.graph.ops.logistic import Logistic
from tflgpuc.ir.graph.ops.maximum import Maximum
from tflgpuc.ir.graph.ops.minimum import Minimum
from tflgpuc.ir.graph.ops.mul import Mul
from tflgpuc.ir.graph.ops.neg import Neg
from tflgpuc.ir.graph.ops.pow import Pow
from tflgpuc.ir.graph.ops.reduce_max import ReduceMax
from tflgpuc.ir.graph.ops.relu import Relu
from tflgpuc.ir.graph.ops.relu6 import Relu6
from tflgpuc.ir.graph.ops.relu_0_to_1 import Relu0To1
from tflgpuc.ir.graph.ops.softmax import Softmax
from tflgpuc.ir.graph.ops.square import Square
from tflgpuc.ir.graph.ops.sub import Sub
from tflgpuc.ir.graph.ops.sum import Sum
from tflgpuc.ir.graph.ops.tanh import Tanh
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.passes.identities import number
from tflgpuc.passes.rules import Match, Rules

functions = Rules("functions")

# Formulas of these, of at most so many ops, are continuous and piecewise rational, exponential or
# hyperbolic: too simple to agree with an activation at all probes and differ in between.
SIMPLE = (Add, Sub, Mul, Div, Neg, Square, Pow, Exp, Tanh, Relu, Relu6, Relu0To1, Maximum, Minimum)
LONGEST = 12
TOLERANCE = 2e-6
PROBES = np.concatenate(
    [np.linspace(-12, 12, 1921), np.array([-1e3, -88, -50, -20, 20, 50, 88, 1e3])]
).astype(np.float32)
KNOWN: tuple[Callable[[Value], Op], ...] = (
    lambda x: HardSwish(x=x),
    lambda x: Gelu(x=x, approximate=True),
    lambda x: Logistic(x=x),
)


@functions
def known_function(op: Mul | Div, match: Match) -> Op | None:
    """A formula of one value and numbers that is an activation wherever it is tried."""
    for x, ops in _formulas(op, match):
        made = _tried(ops, x)
        for known, values in _activations():
            if np.allclose(made, values, rtol=TOLERANCE, atol=TOLERANCE):
                return dataclasses.replace(known(x), names=op.names)
    return match.no("it is no known function")


def _formulas(op: Op, match: Match) -> Iterator[tuple[Value, list[Op]]]:
    """The values that simple ops compute ``op`` from alone, each with these ops in order.

    Ops that compute something else, too, are no part of it.
    """
    ops: list[Op] = []
    uses: Counter[Value] = Counter()
    depths: dict[Value, int] = {}
    frontier = {op.results[0]}
    while len(ops) < LONGEST:
        # The last one made is needed by no other.
        value = max(frontier, key=lambda v: _depth(v, depths))
        if not _is_simple(value.op) or value.op is None:
            return
        if value.op is not op and match.uses[value] != uses[value]:
            return
        ops.insert(0, value.op)
        frontier.remove(value)
        read = [v for v in value.op.operands if number(v) is None]
        if any(v.type != op.results[0].type for v in read):
            return
        uses.update(read)
        frontier.update(read)
        if len(frontier) == 1 and len(ops) > 2:
            yield next(iter(frontier)), list(ops)
        if not frontier:
            return


def _depth(value: Value, known: dict[Value, int], left: int = 2 * LONGEST) -> int:
    """How many simple ops lie one after the other above a value, as far as that matters."""
    if value not in known:
        depth = 0
        if value.op is not None and _is_simple(value.op) and left:
            depth = 1 + max(_depth(v, known, left - 1) for v in value.op.operands)
        known[value] = depth
    return known[value]


def _is_simple(op: Op | None) -> bool:
    return isinstance(op, SIMPLE) and _plain(op)


def _plain(op: Op) -> bool:
    return bool(op.attributes.get("fused_activation_function", "NONE") == "NONE")


def _tried(ops: list[Op], x: Value) -> Array:
    """A formula's results at the probes."""
    known: dict[Value, Array] = {x: PROBES}
    with np.errstate(all="ignore"):
        for op in ops:
            arrays = {v: known[v] if v in known else _number(v) for v in op.operands}
            args = [arrays[v] for v in op.operands]
            known[op.results[0]] = np.asarray(op.reference(*args), np.float32)
    return known[ops[-1].results[0]]


def _number(value: Value) -> Array:
    return np.float32(number(value) or 0.0) * np.ones((), np.float32)


@functools.cache
def _activations() -> tuple[tuple[Callable[[Value], Op], Array], ...]:
    """The known functions with their results at the probes."""
    x = Value(TensorType("f32", PROBES.shape))
    return tuple((known, known(x).evaluate({x: PROBES})[0]) for known in KNOWN)


@functions
def exponentials_over_their_sum(op: Div, match: Match) -> Value | None:
    """exp(x) / sum(exp(x)) along the last axis, with or without the largest subtracted first."""
    raised, total = op.lhs.op, op.rhs.op
    if not isinstance(raised, Exp) or not isinstance(total, Sum) or total.input is not op.lhs:
        return None
    rank = op.result.type.rank
    if not total.keep_dims or total.axes != (rank - 1,) or not _plain(op) or rank > 4:
        return match.no("the sum isn't along the last axis")
    if match.uses[op.lhs] != 2 or not match.only_use(op.rhs):
        return match.no("the exponentials have other readers")
    x, beta = _unshifted(raised.x), 1.0
    scaled = x.op
    if isinstance(scaled, Mul) and _plain(scaled):
        for value, other in ((scaled.lhs, scaled.rhs), (scaled.rhs, scaled.lhs)):
            factor = number(other)
            # Subtracting the largest is only right where the order stays.
            ordered = factor is not None and 0 < factor < math.inf
            if ordered and factor is not None and value.type.shape == x.type.shape:
                x, beta = value, factor
                break
    return Softmax(input=x, beta=beta, names=op.names).result


def _unshifted(value: Value) -> Value:
    """X of x - max(x) along the last axis, which leaves a softmax as it is; else the value."""
    difference = value.op
    if not isinstance(difference, Sub) or not _plain(difference):
        return value
    most = difference.rhs.op
    fits = isinstance(most, ReduceMax) and most.input is difference.lhs and most.keep_dims
    if fits and isinstance(most, ReduceMax) and most.axes == (value.type.rank - 1,):
        return difference.lhs
    return value
