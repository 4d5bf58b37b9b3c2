"""Kernels that say what one element of their output is: any rank, any element type."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tflgpuc.backends.kernels.catalogue import Requires, kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.sliding import slice_grid
from tflgpuc.backends.kernels.view import Coordinates, Element
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.types import Lanes
from tflgpuc.ir.shader import I32, Builder, Expr, call, compose, const, select

Compute = Callable[[Any, Context, Coordinates], Expr]


def zero_lanes(op: Op, *operands: Lanes) -> Lanes:
    """Element kernels write zeros into padding lanes."""
    return "zero"


def element_kernel(
    *ops: type[Op], requires: Requires = lambda op: None, narrow: bool = False, indices: str = ""
) -> Callable[[Compute], Compute]:
    """Registers the decorated function as what computes one element of these ops' results.

    It gets the element's coordinates, an i32 along every axis of the result, and reads its operands
    with ``read``. What it emits runs once an element.
    """

    def register(compute: Compute) -> Compute:
        @kernel(
            *ops,
            requires=requires,
            lanes=zero_lanes,
            any_rank=True,
            narrow=narrow,
            indices=indices,
            row_major=True,
        )
        def build(op: Any, c: Context) -> Built:
            return each_element(c, lambda at: compute(op, c, at))

        return compute

    return register


def read(c: Context, value: Value, at: Coordinates, name: str = "src") -> Expr:
    """One element of an operand: f32, or i32 for integers and bools (0 and 1)."""
    return c.view(value, name).at(at)


def each_element(c: Context, compute: Callable[[Coordinates], Expr]) -> Built:
    """A kernel of one vec4 of channels an invocation, or one element of a row-major output."""
    if c.output.layout == "nhwc":
        return _row_major(c, compute)
    k = c.k
    dims = c.output.dims
    channels = c.output.shape[3]
    place, grid = slice_grid(c, 1)
    with k.when(place.inside):
        outer: Coordinates = (place.batch, place.row, place.column)
        lanes: list[Expr] = []
        for i in range(min(4, channels)):
            channel = place.slice * 4 + i
            padding = channels > 4 and i >= channels % 4 > 0
            kept = call("min", channel, channels - 1) if padding else channel
            at = (*outer, k.let(f"channel{i}", kept))
            made = compute(at[4 - len(dims) :])
            made = select(channel < channels, made, 0) if padding else made
            lanes.append(k.let(f"lane{i}", made))
        lanes += [const(0, lanes[0].type)] * (4 - len(lanes))
        c.store(place.at(0), compose(*lanes))
    return c.done(grid)


def _row_major(c: Context, compute: Callable[[Coordinates], Expr]) -> Built:
    with element_grid(c, c.output.dims) as (at, grid):
        c.store(Element(c.output.dims, at), compute(at))
    return c.done(grid)


@contextmanager
def element_grid(
    c: Context, dims: tuple[int, ...]
) -> Iterator[tuple[Coordinates, tuple[int, int, int]]]:
    """One invocation an element of a tensor: its coordinates, and the grid.

    The grid is cut in two between axes, since no axis of it may be very long.
    """
    k = c.k
    size = math.prod(dims)
    cut = min(range(len(dims) + 1), key=lambda i: abs(math.prod(dims[i:]) - math.sqrt(size)))
    inner, outer = math.prod(dims[cut:]), math.prod(dims[:cut])
    x, y = k.let("inner", k.gid(0)), k.let("outer", k.gid(1))
    with k.when((x < inner) & (y < outer)):
        at = (*_unravelled(k, y, dims[:cut], 0), *_unravelled(k, x, dims[cut:], cut))
        yield at, (inner, outer, 1)


def _unravelled(k: Builder, number: Expr, dims: tuple[int, ...], first: int) -> list[Expr]:
    """The coordinates of an element by its row-major number; axes are named from ``first`` on."""
    found: list[Expr] = []
    for i in reversed(range(len(dims))):
        index = number if i == 0 else number % dims[i]
        found.append(k.let(f"i{first + i}", index if dims[i] > 1 else const(0, I32)))
        number = number if dims[i] == 1 else number // dims[i]
    return found[::-1]


def unravel(k: Builder, number: Expr, dims: tuple[int, ...]) -> Coordinates:
    """The coordinates of an element by its row-major number."""
    return tuple(_unravelled(k, number, dims, 0))
