"""Ops that compute each element from the elements at its place: what their declarations share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Self

import numpy as np

from tflgpuc.ir.errors import UnsupportedError
from tflgpuc.ir.graph.activation import activate
from tflgpuc.ir.graph.axes import broadcast_shapes
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.types import NUMPY, DType, Lanes, TensorType
from tflgpuc.ir.shader import Expr, call

MAX_RANK = 6
SHAPES = ((1, 4, 3, 5), (2, 3, 1, 4), (2, 3, 7), (3, 6), (9,), ())
SHAPE_PAIRS = (
    ((1, 4, 3, 5), (1, 4, 3, 5)),
    ((2, 3, 2, 4), (1, 1, 1, 4)),
    ((1, 3, 2, 5), ()),
    ((2, 1, 3, 1), (2, 4, 3, 6)),
    ((2, 4, 3, 5), (5,)),
    ((2, 3, 7), (3, 1)),
    ((3, 6), (3, 6)),
    ((9,), (1,)),
    ((), ()),
)


class Elementwise(Op):
    """An op whose ``expr`` gives one element, or four at once, of its only result.

    The operands' expressions are f32, i32 or bool, and all have one lane or all have four.
    Operands broadcast as in NumPy. ``domain`` bounds the values that tests feed it. ``total`` says
    that moderate operands, whatever their values, give a finite result.
    """

    elementwise: ClassVar[bool] = True
    domain: ClassVar[tuple[float, float]] = (-4.0, 4.0)
    # Element types besides its first that it is sampled with.
    integers: ClassVar[tuple[DType, ...]] = ()
    total: ClassVar[bool] = True

    def infer(self) -> TensorType:
        dtype = self.operands[0].type.dtype
        return TensorType(dtype, broadcast_shapes(self, *(v.type.shape for v in self.operands)))

    def verify(self) -> None:
        for value in self.operands:
            self.check(value.type.rank <= MAX_RANK, f"{value!r} has more than {MAX_RANK} axes")

    def padding_lanes(self, *lanes: Lanes) -> Lanes:
        """What the result's PHWC4 padding lanes hold where the operands' hold ``lanes``.

        An operand with one channel that is broadcast over several puts its value, not its padding,
        into every lane; that value is taken to be finite, and is known where it is a constant.
        """
        seen = self.seen_lanes(*lanes)
        if "any" in seen:
            return "any"
        if "finite" in seen:
            return "finite" if self.total else "any"
        (made,) = self.evaluate({v: self.probe(v) for v in self.operands})
        if not np.isfinite(made).all():
            return "any"
        return "finite" if made.any() else "zero"

    def seen_lanes(self, *lanes: Lanes) -> tuple[Lanes, ...]:
        """What padding lanes of the result read of each operand; a known number counts as zero."""
        return tuple(self._seen(v, lane) for v, lane in zip(self.operands, lanes, strict=True))

    def _is_repeated(self, value: Value) -> bool:
        """Whether one channel of ``value`` is read in several lanes."""
        channels = self.result.type.shape[-1:]
        return bool(channels) and channels[0] != 1 and value.type.shape[-1:] in ((), (1,))

    def _seen(self, value: Value, lanes: Lanes) -> Lanes:
        if not self._is_repeated(value):
            return lanes
        data = value.constant
        if data is not None and data.size == 1:
            return "zero"
        return "finite" if data is None or np.isfinite(data).all() else "any"

    def probe(self, value: Value) -> Array:
        """What padding lanes read of an operand that is zero or known there."""
        if value.constant is not None and value.constant.size == 1 and self._is_repeated(value):
            return value.constant.reshape(())
        return np.zeros((), NUMPY[value.type.dtype])


class Unary(Elementwise):
    """An elementwise op of one operand; the result has its type."""

    x: Value

    @classmethod
    def samples(cls) -> Iterator[Self]:
        for shape in SHAPES:
            yield cls(x=Value(TensorType("f32", shape), "x"))
        for dtype in cls.integers:
            yield cls(x=Value(TensorType(dtype, (2, 3, 5)), "x"))


class Binary(Elementwise):
    """An elementwise op of two operands of one element type, which broadcast."""

    operand_dtype: ClassVar[DType] = "f32"

    lhs: Value
    rhs: Value

    def verify(self) -> None:
        super().verify()
        left, right = self.lhs.type.dtype, self.rhs.type.dtype
        self.check(left == right, f"lhs is {left}, rhs is {right}")

    @classmethod
    def samples(cls) -> Iterator[Self]:
        cases = [(cls.operand_dtype, *pair) for pair in SHAPE_PAIRS]
        cases += [(dtype, *pair) for dtype in cls.integers for pair in SHAPE_PAIRS[3:5]]
        for dtype, a, b in cases:
            yield cls(
                lhs=Value(TensorType(dtype, a), "lhs"), rhs=Value(TensorType(dtype, b), "rhs")
            )


class Arithmetic(Binary):
    """A binary op that TFLite lets do an activation on its result."""

    fused_activation_function: str = "NONE"

    def activated(self, made: Array) -> Array:
        """``made`` after the fused activation, in NumPy."""
        return activate(self.fused_activation_function, made)

    def activated_expr(self, made: Expr) -> Expr:
        """``made`` after the fused activation, in a shader."""
        match self.fused_activation_function:
            case "NONE":
                return made
            case "RELU":
                return call("max", made, 0.0)
            case "RELU_N1_TO_1":
                return call("clamp", made, -1.0, 1.0)
            case "RELU6":
                return call("clamp", made, 0.0, 6.0)
            case "TANH":
                return call("tanh", made)
            case other:
                raise UnsupportedError(f"{self.describe()}: fused activation {other}")

    @classmethod
    def samples(cls) -> Iterator[Self]:
        for sample in super().samples():
            yield sample
        for name in ("RELU", "RELU_N1_TO_1", "RELU6"):
            yield replace(sample, fused_activation_function=name)
        sample = next(super().samples())
        for name in ("RELU", "RELU_N1_TO_1", "RELU6", "TANH"):
            yield replace(sample, fused_activation_function=name)


class Comparison(Binary):
    """A binary op with a bool result; padding lanes hold 0 or 1, so always something finite."""

    def infer(self) -> TensorType:
        return replace(super().infer(), dtype="bool")

    def padding_lanes(self, *lanes: Lanes) -> Lanes:
        made = super().padding_lanes(*lanes)
        return "finite" if made == "any" else made


class Logical(Binary):
    """A binary op on bools; padding lanes hold 0 or 1, so always something finite."""

    operand_dtype: ClassVar[DType] = "bool"

    def verify(self) -> None:
        super().verify()
        self.check(self.lhs.type.dtype == "bool", f"operands are {self.lhs.type.dtype}, not bool")

    def padding_lanes(self, *lanes: Lanes) -> Lanes:
        made = super().padding_lanes(*lanes)
        return "finite" if made == "any" else made


def truth(e: Expr) -> Expr:
    """A bool expression; stored bools are read as 0.0 or 1.0."""
    return e if e.type.scalar == "bool" else e.ne(0.0)


def last_bits(x: Expr, dtype: DType) -> Expr:
    """An i32 as the number that its last bits are in an integer type; itself where that is wide."""
    width = NUMPY[dtype].itemsize * 8
    if width >= 32:
        return x
    if NUMPY[dtype].kind == "u":
        return x & ((1 << width) - 1)
    return (x << (32 - width)) >> (32 - width)
