"""Kernels that leave channels where they are: a vec4 of them at once, else element by element."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.elements import each_element, read
from tflgpuc.backends.kernels.sliding import slice_grid
from tflgpuc.backends.kernels.view import ZERO, Coordinates
from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.graph.types import DType
from tflgpuc.ir.shader import F32, I32, Expr, Type, const, splat


def register_type(dtype: DType) -> Type:
    """What an element of a tensor is in a kernel: a float, or an i32."""
    return F32 if dtype in ("f32", "f16") else I32


@dataclass(frozen=True)
class Reader:
    """Reads operands of a lanewise kernel; ``slice`` is the output's, or None by the element."""

    c: Context
    slice: Expr | None = None

    def __call__(self, value: Value, at: Coordinates) -> Expr:
        """What an operand holds at a place whose channel is the output's: a vec4, or a scalar."""
        view = self.c.view(value)
        if self.slice is None:
            return view.at(at)
        batch, row, column = (ZERO,) * (4 - len(at)) + at[:-1]
        return view.load(batch, row, column, self.slice)

    def same(self, value: Expr) -> Expr:
        """A scalar for every channel."""
        return value if self.slice is None else splat(value, 4)

    def number(self, number: float, dtype: DType) -> Expr:
        """A literal among elements of a type, for every channel."""
        return self.same(const(number, register_type(dtype)))

    def only(self, value: Value, name: str) -> Expr:
        """An operand's only element, for every channel."""
        data = value.constant
        if data is not None:
            return self.number(data.reshape(-1)[0].item(), value.type.dtype)
        return self.same(read(self.c, value, (ZERO,) * value.type.rank, name))


Compute = Callable[[Reader, Coordinates], Expr]


def lanewise(c: Context, whole: bool, values: Mapping[str, Value], compute: Compute) -> Built:
    """A kernel of a function that gives the output at some coordinates.

    ``values`` are the operands that the function reads by its Reader, by name. ``whole`` promises that
    each channel of the output is made of their same channel, and that all have as many.
    """
    views = [c.view(value, name) for name, value in values.items()]
    rank = len(c.output.dims)
    if not (whole and rank and all(v.layout == "phwc4" for v in (c.output, *views))):
        return each_element(c, lambda at: compute(Reader(c), at))
    place, grid = slice_grid(c, 1)
    with c.k.when(place.inside):
        at = (place.batch, place.row, place.column, place.slice * 4)
        c.store(place.at(0), compute(Reader(c, place.slice), at[4 - rank :]))
    return c.done(grid)
