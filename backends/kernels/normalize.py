"""Layer and instance normalisation: one work group for all that has one mean."""

from __future__ import annotations

import math
from collections.abc import Callable

from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.reduce import FOLDS
from tflgpuc.ir.graph.ops.normalize import Normalize
from tflgpuc.ir.graph.ops.sum import Sum
from tflgpuc.ir.shader import F32X4, Expr, Shared, call, const, splat

# Invocations of a group at most: a power of two, and fewer where there is less to add up.
GROUP = 64
# Groups that every device can be given along an axis of the grid.
GROUPS = 65535


def unfit(op: Normalize) -> str | None:
    """Each mean is one group's."""
    kept = [e for axis, e in enumerate(op.input.type.shape) if axis not in op.axes]
    groups = math.prod(kept)
    return None if groups <= GROUPS else f"it has more than {GROUPS} means"


@kernel(Normalize, requires=unfit)
def normalize(op: Normalize, c: Context) -> Built:
    """Three walks over the elements: their sum, the sum of squared differences, the results."""
    k = c.k
    x = c.view(op.input)
    shift = 4 - op.input.type.rank
    folded = [axis - shift in op.axes for axis in range(4)]
    extents = (*x.shape[:3], x.slices)
    walked = math.prod(e for e, f in zip(extents, folded, strict=True) if f)
    groups = math.prod(extents) // walked
    size = min(GROUP, 1 << max(0, walked - 1).bit_length())
    count = math.prod(op.input.type.shape[axis] for axis in op.axes)

    partial = k.shared("partial", F32X4, size)
    lane, number = k.let("lane", k.lid(0)), k.let("number", k.group(1))

    def place(index: Expr) -> tuple[Expr, Expr, Expr, Expr]:
        """Where the index-th vec4 of this group lies."""
        found: dict[int, Expr] = {}
        steps = {True: 1, False: 1}
        for axis in (2, 1, 3, 0):
            start = index if folded[axis] else number
            step = steps[folded[axis]]
            found[axis] = start // step % extents[axis]
            steps[folded[axis]] = step * extents[axis]
        return found[0], found[1], found[2], found[3]

    def mean(term: Callable[[Expr], Expr]) -> Expr:
        """The mean of a function of the elements, in all lanes or in each."""
        acc = k.var("acc", const(0.0, F32X4))
        with k.loop("i", walked, lane, size) as i:
            at = place(i)
            value = term(x.load(*at))
            k.add(acc, x.mask(value, at[3], 0.0) if folded[3] else value)
        k.store(partial, lane, acc)
        k.barrier()
        _tree(c, partial, lane, size)
        total = k.let("total", partial[0])
        k.barrier()
        made = splat(FOLDS[Sum].lanes(total), 4) if folded[3] else total
        return k.let("mean", made * (1.0 / count))

    centre = mean(lambda value: value)
    variance = mean(lambda value: (value - centre) * (value - centre))
    factor = k.let("factor", call("rsqrt", variance + op.epsilon))
    with k.loop("i", walked, lane, size) as i:
        at = place(i)
        c.store(c.at(*at), (x.load(*at) - centre) * factor)
    return c.done((size, groups, 1), (size, 1, 1))


def _tree(c: Context, partial: Shared, lane: Expr, size: int) -> None:
    """Folds the partial sums in pairs, the total into the first."""
    k, half = c.k, size // 2
    while half:
        with k.when(lane < half):
            k.store(partial, lane, partial[lane] + partial[lane + half])
        k.barrier()
        half //= 2
