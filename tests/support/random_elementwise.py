"""Random elementwise operators, for random graphs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from support.random_graphs import Builder, Fact, Maker
from tflgpuc.ir.graph.op import TFLITE_OPS, Op, Value
from tflgpuc.ir.graph.types import NUMPY, DType

Range = tuple[float, float]
RELUS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
# Points of an interval at which an op is asked for its results.
POINTS = 41
ANY: Range = (-100.0, 100.0)
SMALL: Range = (-8.0, 8.0)
POSITIVE: Range = (0.25, 100.0)


@dataclass(frozen=True)
class Kind:
    """What an op may be given.

    ``domains`` are the intervals of its operands; ``smooth`` says that its results aren't exact even
    where its operands are, ``jumps`` that its operands have to be exact; ``dtypes`` it takes, ``result``
    is the type of what it gives if that is another one; ``rank`` is the highest that LiteRT takes.
    """

    domains: tuple[Range, ...]
    smooth: bool = True
    jumps: bool = False
    dtypes: tuple[DType, ...] = ("f32",)
    rank: int = 6
    same_shape: bool = False


EXACT: dict[str, Any] = {"smooth": False}
JUMPS: dict[str, Any] = {"smooth": False, "jumps": True}
BOTH: tuple[DType, ...] = ("f32", "i32")
BOOL: tuple[DType, ...] = ("bool",)

UNARY: dict[str, Kind] = {
    "ABS": Kind((ANY,), **EXACT, dtypes=BOTH),
    "NEG": Kind((ANY,), **EXACT, dtypes=BOTH),
    "RELU": Kind((ANY,), **EXACT),
    "RELU6": Kind((ANY,), **EXACT),
    "RELU_N1_TO_1": Kind((ANY,), **EXACT),
    "RELU_0_TO_1": Kind((ANY,), **EXACT),
    "CEIL": Kind((ANY,), **JUMPS),
    "FLOOR": Kind((ANY,), **JUMPS),
    "ROUND": Kind((ANY,), **JUMPS),
    "SIGN": Kind((ANY,), **JUMPS, dtypes=BOTH),
    "COS": Kind((SMALL,)),
    "SIN": Kind((SMALL,)),
    "ELU": Kind((ANY,)),
    "EXP": Kind(((-8.0, 4.0),)),
    "GELU": Kind((ANY,)),
    "HARD_SWISH": Kind((ANY,)),
    "LEAKY_RELU": Kind((ANY,)),
    "LOG": Kind((POSITIVE,)),
    "LOGISTIC": Kind((ANY,)),
    "RSQRT": Kind((POSITIVE,)),
    "SQRT": Kind((POSITIVE,)),
    "SQUARE": Kind((ANY,)),
    "TANH": Kind((ANY,)),
    "LOGICAL_NOT": Kind((ANY,), **EXACT, dtypes=BOOL),
}
BINARY: dict[str, Kind] = {
    "ADD": Kind((ANY, ANY), dtypes=BOTH),
    "SUB": Kind((ANY, ANY), dtypes=BOTH),
    "MUL": Kind((ANY, ANY), dtypes=BOTH),
    "DIV": Kind((ANY, POSITIVE), dtypes=BOTH),
    "MAXIMUM": Kind((ANY, ANY), **EXACT, dtypes=BOTH),
    "MINIMUM": Kind((ANY, ANY), **EXACT, dtypes=BOTH),
    "SQUARED_DIFFERENCE": Kind((SMALL, SMALL), dtypes=BOTH),
    "POW": Kind(((0.25, 3.0), (-3.0, 3.0))),
    "FLOOR_DIV": Kind((ANY, POSITIVE), **JUMPS, dtypes=BOTH),
    "FLOOR_MOD": Kind((ANY, POSITIVE), **JUMPS, dtypes=BOTH),
    "ATAN2": Kind((SMALL, SMALL), jumps=True, same_shape=True),
    **{
        name: Kind((SMALL, SMALL), **JUMPS, dtypes=BOTH)
        for name in ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")
    },
    "LOGICAL_AND": Kind((ANY, ANY), **EXACT, dtypes=BOOL),
    "LOGICAL_OR": Kind((ANY, ANY), **EXACT, dtypes=BOOL),
}


def partner(b: Builder, value: Value, low: float, high: float, exact: bool) -> Value:
    """What an op can combine with ``value``: of its shape, or of one that broadcasts to it."""
    dtype, shape = value.type.dtype, value.type.shape
    if b.flag():
        wanted = b.value(
            dtype,
            shape=lambda: shape,
            fits=lambda t: broadcasts(t.shape, shape),
            low=low,
            high=high,
            exact=exact,
        )
        return wanted
    cut = shape[b.integer(0, len(shape)) :]
    thin = tuple(1 if b.flag() else size for size in cut)
    low, high = (max(low, -4.0), min(high, 4.0)) if dtype != "bool" else (0, 1)
    if b.flag():
        return b.input(dtype, thin, low, high)
    return b.constant(b.data(thin, low, high, dtype))


def broadcasts(a: Sequence[int], b: Sequence[int]) -> bool:
    """Whether two shapes broadcast."""
    try:
        np.broadcast_shapes(tuple(a), tuple(b))
    except ValueError:
        return False
    return True


def image_of(op: Op, facts: Sequence[Fact], exact: bool) -> Fact:
    """The interval of an op's results and 0, from its results on a grid of its operands."""
    dtype = op.operands[0].type.dtype
    axes = [np.linspace(f.low, f.high, POINTS if len(facts) < 3 else 9) for f in facts]
    grid = [np.asarray(a, NUMPY[dtype]) for a in np.meshgrid(*axes)]
    with np.errstate(all="ignore"):
        made = np.asarray(op.reference(*grid), np.float64)
    made = made[np.isfinite(made)]
    if not made.size:
        return Fact(-math.inf, math.inf, False)
    low, high = float(made.min()), float(made.max())
    # The grid may miss the extremes.
    margin = 0.05 * (high - low)
    return Fact(low - margin, high + margin, exact)


def unary(name: str) -> Maker:
    """A maker of an op of one operand."""
    kind, cls = UNARY[name], TFLITE_OPS[name]

    def make(b: Builder) -> None:
        ((low, high),) = kind.domains
        x = b.value(
            b.choice(kind.dtypes), rank=(0, kind.rank), low=low, high=high, exact=kind.jumps
        )
        options: dict[str, Any] = {}
        if name == "GELU":
            options["approximate"] = b.flag()
        if name == "LEAKY_RELU":
            options["alpha"] = b.choice((0.0, 0.25, -0.5, 1.5))
        op = cls(x=x, **options)
        fact = b.facts[x]
        b.emit(op, image_of(op, [fact], fact.exact and not kind.smooth))

    return make


def binary(name: str) -> Maker:
    """A maker of an op of two operands that broadcast."""
    kind, cls = BINARY[name], TFLITE_OPS[name]

    def make(b: Builder) -> None:
        (low, high), other = kind.domains
        dtype = b.choice(kind.dtypes)
        if dtype == "i32":
            other = (1.0, other[1]) if other[0] > 0 else other
        x = b.value(dtype, rank=(0, kind.rank), low=low, high=high, exact=kind.jumps)
        if kind.same_shape:
            shape = x.type.shape
            y = b.input(dtype, shape, *other) if b.flag() else b.constant(b.data(shape, *other))
        else:
            y = partner(b, x, *other, exact=kind.jumps)
        pair = [x, y]
        if kind.domains[0] == kind.domains[1] and b.flag():
            pair.reverse()
        options = {}
        if "fused_activation_function" in cls.kinds() and dtype == "f32":
            options["fused_activation_function"] = b.choice(RELUS)
        op = cls(lhs=pair[0], rhs=pair[1], **options)
        facts = [b.facts[v] for v in pair]
        exact = dtype != "f32" or (all(f.exact for f in facts) and not kind.smooth)
        b.emit(op, image_of(op, facts, exact))

    return make


def add_n(b: Builder) -> None:
    """ADD_N of two to four operands of one shape."""
    x = b.value(low=-20, high=20)
    shape = x.type.shape
    more = [b.value(shape=lambda: shape, fits=lambda t: t.shape == shape, low=-20, high=20)]
    more += [b.input("f32", shape, -4, 4) for _ in range(b.integer(0, 2))]
    listed = (x, *more)
    bound = sum(b.facts[v].bound for v in listed)
    b.emit(TFLITE_OPS["ADD_N"](inputs=listed), Fact(-bound, bound, False))


def prelu(b: Builder) -> None:
    """PRELU with slopes for some of the axes."""
    x = b.value(rank=(1, 4))
    shape = x.type.shape
    thin = tuple(1 if b.flag() else size for size in shape[b.integer(0, len(shape) - 1) :])
    alpha = b.constant(b.data(thin, -1.5, 1.5))
    bound = 1.5 * b.facts[x].bound
    b.emit(TFLITE_OPS["PRELU"](input=x, alpha=alpha), Fact(-bound, bound, False))


def select_v2(b: Builder) -> None:
    """SELECT_V2 of operands that broadcast."""
    dtype = b.choice(BOTH)
    x = b.value(dtype, rank=(0, 4))
    y = partner(b, x, -100, 100, exact=False)
    shape = np.broadcast_shapes(x.type.shape, y.type.shape)
    condition = b.value(
        "bool", rank=(0, 4), shape=lambda: shape, fits=lambda t: broadcasts(t.shape, shape)
    )
    facts = [b.facts[v] for v in (x, y)]
    op = TFLITE_OPS["SELECT_V2"](condition=condition, x=x, y=y)
    b.emit(op, hull(facts))


def select(b: Builder) -> None:
    """SELECT of operands of one shape, by element, by row or as a whole."""
    x = b.value(rank=(1, 4))
    shape = x.type.shape
    y = b.value(shape=lambda: shape, fits=lambda t: t.shape == shape)
    condition = b.input("bool", b.choice((shape, shape[:1], ())), 0, 1)
    op = TFLITE_OPS["SELECT"](condition=condition, x=x, y=y)
    b.emit(op, hull([b.facts[v] for v in (x, y)]))


def cast(b: Builder) -> None:
    """CAST between floats, integers and bools."""
    source, target = b.choice(
        (("i32", "FLOAT32"), ("f32", "INT32"), ("bool", "FLOAT32"), ("bool", "INT32"),
         ("i32", "BOOL"), ("f32", "BOOL"))
    )  # fmt: skip
    x = b.value(source, exact=target != "FLOAT32")
    fact = Fact(0, 1) if "bool" in (source, target.lower()) else b.facts[x]
    b.emit(TFLITE_OPS["CAST"](input=x, out_data_type=target), fact)


def hull(facts: Sequence[Fact]) -> Fact:
    """The interval around all of them."""
    return Fact(min(f.low for f in facts), max(f.high for f in facts), all(f.exact for f in facts))


ELEMENTWISE: dict[str, Callable[[Builder], None]] = {
    **{name: unary(name) for name in UNARY},
    **{name: binary(name) for name in BINARY},
    "ADD_N": add_n,
    "PRELU": prelu,
    "SELECT_V2": select_v2,
    "SELECT": select,
    "CAST": cast,
}
