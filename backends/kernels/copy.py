"""Copies between layouts and storage types: at the border, into words that small elements share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.elements import unravel
from tflgpuc.backends.kernels.elementwise import elementwise
from tflgpuc.backends.kernels.view import PACKED
from tflgpuc.ir.graph.ops.copy import Copy
from tflgpuc.ir.graph.types import Lanes
from tflgpuc.ir.shader import I32, Expr, call, compose, const, convert

Grid = tuple[int, int, int]


def copied_lanes(op: Copy, x: Lanes) -> Lanes:
    """A copy has what its operand has."""
    return x


@kernel(Copy, any_rank=True, narrow=True, indices="input result", lanes=copied_lanes)
def copy(op: Copy, c: Context) -> Built:
    """Elementwise, or where elements share words one word an invocation."""
    dtype = c.output.dtype
    if c.output.layout == "nhwc" and dtype in PACKED and not c.output.word_pixels:
        return _words(op, c, PACKED[dtype])
    if c.output.layout == "nhwc" and dtype == "f16":
        return _halves(op, c)
    return elementwise(op, c)


@contextmanager
def _groups(op: Copy, c: Context, each: int) -> Iterator[tuple[Expr, list[Expr], Grid]]:
    """The number of this invocation's group of elements, the elements, and the grid.

    The last group repeats the last element.
    """
    k = c.k
    size = op.input.type.size
    groups = -(-size // each)
    across = min(groups, 1 << 14)
    number = k.let("number", k.gid(1) * across + k.gid(0))
    with k.when((k.gid(0) < across) & (number < groups)):
        found = []
        for i in range(each):
            element = number * each + i
            kept = element if size % each == 0 else call("min", element, size - 1)
            at = unravel(k, k.let(f"element{i}", kept), op.input.type.shape)
            found.append(k.let(f"value{i}", c.view(op.input).at(at)))
        yield number, found, (across, -(-groups // across), 1)


def _words(op: Copy, c: Context, bits: int) -> Built:
    with _groups(op, c, 32 // bits) as (number, values, grid):
        word: Expr = const(0, I32)
        for i, value in enumerate(values):
            word = word | ((value & ((1 << bits) - 1)) << (i * bits))
        c.k.store(c.output.buffer, number, convert(word, "u32"))
    return c.done(grid)


def _halves(op: Copy, c: Context) -> Built:
    with _groups(op, c, 4) as (number, values, grid):
        c.k.store(c.output.buffer, number, compose(*values))
    return c.done(grid)
