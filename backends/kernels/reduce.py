"""Reductions: one invocation a result, or one work group where there is much to fold."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.elements import each_element, unravel
from tflgpuc.backends.kernels.view import Coordinates, View
from tflgpuc.ir.graph.ops.mean import Mean
from tflgpuc.ir.graph.ops.reduce_all import ReduceAll
from tflgpuc.ir.graph.ops.reduce_any import ReduceAny
from tflgpuc.ir.graph.ops.reduce_max import ReduceMax
from tflgpuc.ir.graph.ops.reduce_min import ReduceMin
from tflgpuc.ir.graph.ops.reduce_prod import ReduceProd
from tflgpuc.ir.graph.ops.sum import Sum
from tflgpuc.ir.graph.reduction import Reduction
from tflgpuc.ir.graph.types import Lanes
from tflgpuc.ir.shader import F32X4, Builder, Expr, Name, Type, call, compose, const

# Work-group size of the folding tree, and how many vec4s make it worth while.
LANES, MANY = 64, 256
LARGEST = 3.4028234663852886e38


@dataclass(frozen=True)
class Fold:
    """How two partial results make one, and what leaves a result as it is."""

    function: str
    identity: float

    def start(self, type: Type) -> Expr:
        """What leaves a result of this type as it is."""
        if type.scalar == "i32":
            return const(max(-(1 << 31), min((1 << 31) - 1, int(self.identity))), type)
        return const(self.identity, type)

    def join(self, a: Expr, b: Expr) -> Expr:
        """The fold of two vec4s."""
        match self.function:
            case "+":
                return a + b
            case "*":
                return a * b
            case _:
                return call(self.function, a, b)

    def into(self, k: Builder, acc: Name, value: Expr) -> None:
        """Folds one more vec4 into a variable."""
        if self.function in ("+", "*"):
            k.assign(acc, value, self.function)
        else:
            k.assign(acc, self.join(acc, value))

    def lanes(self, a: Expr) -> Expr:
        """The fold of a vec4's four lanes, a scalar."""
        pair = self.join(self.join(a.lane(0), a.lane(1)), self.join(a.lane(2), a.lane(3)))
        return pair


FOLDS: dict[type[Reduction], Fold] = {
    Mean: Fold("+", 0.0),
    Sum: Fold("+", 0.0),
    ReduceMax: Fold("max", -LARGEST),
    ReduceMin: Fold("min", LARGEST),
    ReduceProd: Fold("*", 1.0),
    ReduceAll: Fold("min", 1.0),
    ReduceAny: Fold("max", 0.0),
}


def kept_axes(op: Reduction) -> str | None:
    """Reductions that drop axes are split into one that keeps them and a reshape."""
    return "it drops its axes" if not op.keep_dims and op.axes else None


def reduced_lanes(op: Reduction, x: Lanes, *rest: Lanes) -> Lanes:
    """Rows and columns fold lane by lane; channels leave the result in the first lane, zeros after."""
    return (
        "zero"
        if _axes(op)[3]
        else ("zero" if x == "zero" and FOLDS[type(op)].identity == 0 else "any")
    )


def _axes(op: Reduction) -> tuple[bool, bool, bool, bool]:
    shift = 4 - op.input.type.rank
    n, h, w, c = (i - shift in op.axes for i in range(4))
    return n, h, w, c


@kernel(
    Mean, Sum, ReduceMax, ReduceMin, ReduceProd, ReduceAll, ReduceAny,
    lanes=reduced_lanes, requires=kept_axes, any_rank=True,
)  # fmt: skip
def reduce(op: Reduction, c: Context) -> Built:
    """Folds vec4s over the reduced axes, then the lanes where channels are reduced."""
    x = c.view(op.input)
    if x.layout == "nhwc" or x.dtype == "i32":
        return each_element(c, lambda at: _folded(op, c, x, at))
    folded = [e if r else 1 for e, r in zip(_extents(x), _axes(op), strict=True)]
    work = folded[0] * folded[1] * folded[2] * folded[3]
    return _tree(op, c, x, folded) if work >= MANY else _loop(op, c, x, folded)


def _folded(op: Reduction, c: Context, x: View, at: Coordinates) -> Expr:
    """One element of the result, folded one by one."""
    k, fold = c.k, FOLDS[type(op)]
    dims = op.input.type.shape
    folded = tuple(dims[axis] for axis in op.axes)
    acc = k.var("acc", fold.start(x.zero.type))
    with k.loop("i", math.prod(folded)) as i:
        inner = dict(zip(op.axes, unravel(k, i, folded), strict=True))
        place = tuple(inner.get(axis, index) for axis, index in enumerate(at))
        fold.into(k, acc, x.at(place))
    if not isinstance(op, Mean):
        return acc
    return acc // op.count if x.dtype == "i32" else acc / float(op.count)


def _extents(x: View) -> tuple[int, int, int, int]:
    n, h, w, _ = x.shape
    return n, h, w, x.slices


def _place(c: Context, index: Expr) -> tuple[Expr, Expr, Expr, Expr]:
    """Batch, row, column and slice of the index-th vec4 of the output."""
    k = c.k
    _, h, w, _ = c.output.shape
    slices = c.output.slices
    column = k.let("column", index % w)
    row = k.let("row", index // w % h)
    slice = k.let("slice", index // (w * h) % slices)
    batch = k.let("batch", index // (w * h * slices))
    return batch, row, column, slice


def _read(
    op: Reduction, c: Context, x: View, at: tuple[Expr, ...], folded: list[int], index: Expr
) -> Expr:
    """The index-th of the vec4s that fold into one result; padding lanes leave it as it is."""
    axes = _axes(op)
    step = 1
    place: list[Expr] = []
    for axis in (2, 1, 3, 0):
        place.append(
            index // step % folded[axis] if axes[axis] else (at[0], at[1], at[2], at[3])[axis]
        )
        step *= folded[axis]
    column, row, slice, batch = place
    value = x.load(batch, row, column, slice)
    return x.mask(value, slice, FOLDS[type(op)].identity) if axes[3] else value


def _finish(op: Reduction, acc: Expr) -> Expr:
    fold = FOLDS[type(op)]
    if _axes(op)[3]:
        zero = const(0.0, acc.type.of(1))
        acc = compose(fold.lanes(acc), zero, zero, zero)
    return acc / float(op.count) if isinstance(op, Mean) else acc


def _loop(op: Reduction, c: Context, x: View, folded: list[int]) -> Built:
    k, fold = c.k, FOLDS[type(op)]
    n, h, w, _ = c.output.shape
    total = n * h * w * c.output.slices
    index = k.let("index", k.gid(0))
    with k.when(index < total):
        at = _place(c, index)
        acc = k.var("acc", const(fold.identity, F32X4))
        with k.loop("i", folded[0] * folded[1] * folded[2] * folded[3]) as i:
            fold.into(k, acc, _read(op, c, x, at, folded, i))
        c.store(c.at(*at), _finish(op, acc))
    return c.done((total, 1, 1))


def _tree(op: Reduction, c: Context, x: View, folded: list[int]) -> Built:
    """One group a result: each invocation folds every LANES-th vec4, then halves meet in pairs."""
    k, fold = c.k, FOLDS[type(op)]
    n, h, w, _ = c.output.shape
    count = folded[0] * folded[1] * folded[2] * folded[3]
    partial_results = k.shared("partial", F32X4, LANES)
    lane = k.let("lane", k.lid(0))
    at = _place(c, k.let("index", k.group(1)))
    acc = k.var("acc", const(fold.identity, F32X4))
    with k.loop("i", count, lane, LANES) as i:
        fold.into(k, acc, _read(op, c, x, at, folded, i))
    k.store(partial_results, lane, acc)
    k.barrier()
    half = LANES // 2
    while half:
        with k.when(lane < half):
            k.store(
                partial_results,
                lane,
                fold.join(partial_results[lane], partial_results[lane + half]),
            )
        k.barrier()
        half //= 2
    with k.when(lane.eq(0)):
        c.store(c.at(*at), _finish(op, k.let("total", partial_results[0])))
    return c.done((LANES, n * h * w * c.output.slices, 1), (LANES, 1, 1))
