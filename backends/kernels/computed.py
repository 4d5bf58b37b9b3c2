"""Values that a kernel computes where it reads them, and how ops say what they are at one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tflgpuc.backends.kernels.view import ZERO, At, Coordinates, Element, View, lane_of
from tflgpuc.ir.graph.op import Op
from tflgpuc.ir.graph.types import Lanes, TensorType
from tflgpuc.ir.shader import F32X4, Buffer, Expr, call, compose, const, convert, select, splat

if TYPE_CHECKING:
    from tflgpuc.backends.kernels.context import Context

Vector = Callable[[Any, "Context", At], Expr]
Scalar = Callable[[Any, "Context", Coordinates], Expr]
# What a computed view has for memory: no kernel declares it, so that none can read it by mistake.
NOWHERE = Buffer("nowhere", F32X4, "f32", "read", 0)


@dataclass(frozen=True)
class Inline:
    """How an op's result is computed at one place: four channels, or one element, of its own shape.

    One of the two may be missing; it is then made of the other. ``lanes`` says what ``vector`` leaves
    in padding lanes, given what its operands hold there.
    """

    vector: Vector | None
    scalar: Scalar | None
    lanes: Callable[..., Lanes]


INLINE: dict[type[Op], Inline] = {}


def inline(
    *ops: type[Op],
    vector: Vector | None = None,
    scalar: Scalar | None = None,
    lanes: Callable[..., Lanes] = lambda op, *operands: "any",
) -> None:
    """Says that these ops can be computed where they are read."""
    assert vector is not None or scalar is not None
    for op in ops:
        assert op not in INLINE, op
        INLINE[op] = Inline(vector, scalar, lanes)


def _elementwise_vector(op: Op, c: Context, at: At) -> Expr:
    return op.expr(*(c.read(v, at) for v in op.operands))


def _elementwise_scalar(op: Op, c: Context, at: Coordinates) -> Expr:
    place = Element(op.results[0].type.shape, at)
    return op.expr(*(c.read(v, place) for v in op.operands))


ELEMENTWISE = Inline(
    _elementwise_vector, _elementwise_scalar, lambda op, *lanes: op.padding_lanes(*lanes)
)


def inlined(op: Op) -> Inline | None:
    """How an op is computed where it is read, or None where it has to be stored."""
    return INLINE.get(type(op)) or (ELEMENTWISE if op.elementwise else None)


def each_lane(channels: int, slice: Expr, one: Callable[[Expr], Expr]) -> Expr:
    """Four channels of a slice, each from a function of its number; 0 past the last channel."""
    lanes: list[Expr] = []
    for i in range(min(4, channels)):
        channel = slice * 4 + i
        ragged = channels > 4 and i >= channels % 4 > 0
        made = one(call("min", channel, channels - 1) if ragged else channel)
        zero = const(0, made.type)
        lanes.append(select(channel < channels, made, zero) if ragged else made)
    return compose(*lanes, *[const(0, lanes[0].type)] * (4 - len(lanes)))


@dataclass(frozen=True)
class Computed(View):
    """What an op makes, computed anew at each place that is read. Bools are 0 and 1, as in memory."""

    op: Op = field(kw_only=True)
    context: Context = field(kw_only=True)
    how: Inline = field(kw_only=True)

    @staticmethod
    def of(op: Op, context: Context, how: Inline) -> Computed:
        """The result of ``op``, whose operands the kernel can view."""
        type: TensorType = op.results[0].type
        assert type.rank <= 4 or how.scalar is not None, op
        known = [context.lanes(v) for v in op.operands]
        return Computed(
            type.shape,
            NOWHERE,
            "phwc4" if type.rank <= 4 else "nhwc",
            how.lanes(op, *known) if type.rank <= 4 and type.nhwc[3] % 4 else "zero",
            dtype=type.dtype if type.dtype in ("f32", "f16") else "i32",
            op=op,
            context=context,
            how=how,
        )

    @property
    def computed(self) -> bool:
        return True

    def _named(self, value: Expr) -> Expr:
        whole = convert(value, "i32") if value.type.scalar == "bool" else value
        return self.context.k.let(self.op.name.split(".")[-1], whole)

    def _at(self, at: At) -> Expr:
        if self.how.vector is not None:
            return self._named(self.how.vector(self.op, self.context, at))
        place = (at.batch, at.row, at.column)
        rank = len(self.dims)
        return each_lane(
            self.shape[3], at.slice, lambda channel: self._one((*place, channel)[4 - rank :])
        )

    def _one(self, at: Coordinates) -> Expr:
        if self.how.scalar is not None:
            return self._named(self.how.scalar(self.op, self.context, at))
        batch, row, column, channel = (ZERO,) * (4 - len(at)) + at
        vector = self._at(At.of(self.shape, batch, row, column, channel // 4))
        return lane_of(vector, channel % 4)

    # --- what kernels ask of a view ---

    def _slice(self, slice: Expr) -> Expr:
        """A known slice lets the lanes of what is read be known, too."""
        return ZERO if self.slices == 1 else slice

    def read(self, at: At) -> Expr:
        n, h, w, c = self.shape
        wide = at.shape[3] > 1 and c == 1
        place = At(
            self.shape,
            at.batch if n > 1 else ZERO,
            at.row if h > 1 else ZERO,
            at.column if w > 1 else ZERO,
            self._slice(at.slice),
            at.pixel if (h, w) == at.shape[1:3] else None,
        )
        value = self._at(place)
        return splat(value.lane(0), 4) if wide else value

    def load(self, batch: Expr, row: Expr, column: Expr, slice: Expr) -> Expr:
        return self._at(At.of(self.shape, batch, row, column, self._slice(slice)))

    def read_channel(self, batch: Expr, row: Expr, column: Expr, channel: Expr) -> Expr:
        return self._one((batch, row, column, channel)[4 - len(self.dims) :])

    def at(self, at: Coordinates) -> Expr:
        assert len(at) == len(self.dims), (at, self.dims)
        kept = (ZERO if extent == 1 else i for i, extent in zip(at, self.dims, strict=True))
        return self._one(tuple(kept))

    def element(self, number: Expr) -> Expr:
        raise AssertionError(f"{self.op.describe()} is computed, it has no memory")

    def vec4(self, index: Expr) -> Expr:
        raise AssertionError(f"{self.op.describe()} is computed, it has no memory")
