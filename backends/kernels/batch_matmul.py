"""Products of matrices that are both computed at run time."""

from __future__ import annotations

from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.elements import each_element
from tflgpuc.backends.kernels.sliding import Place, slice_grid
from tflgpuc.backends.kernels.sums import multiply_add
from tflgpuc.backends.kernels.view import ZERO, Coordinates, View, lane_of
from tflgpuc.ir.graph.ops.batch_matmul import BatchMatmul
from tflgpuc.ir.shader import F32, F32X4, Expr, call, compose, const


@kernel(BatchMatmul, any_rank=True)
def batch_matmul(op: BatchMatmul, c: Context) -> Built:
    """Four columns of a row an invocation; the depth goes by fours, what is left over lane by lane."""
    if c.output.layout == "nhwc":
        return each_element(c, lambda at: _element(op, c, at))
    k = c.k
    depth = op.sizes[2]
    place, grid = slice_grid(c, 1)
    with k.when(place.inside):
        matrices = _Matrices(op, c, place)
        acc = k.var("acc", const(0.0, F32X4))
        if depth >= 4:
            with k.loop("i", depth // 4) as i:
                k.add(acc, matrices.product(i, 4))
        if depth % 4:
            k.add(acc, matrices.product(const(depth // 4, ZERO.type), depth % 4))
        c.store(place.at(0), acc)
    return c.done(grid)


class _Matrices:
    """The two operands around one place of the output."""

    def __init__(self, op: BatchMatmul, c: Context, place: Place) -> None:
        self.op, self.c = op, c
        self.x, self.y = c.view(op.x, "x"), c.view(op.y, "y")
        self.row, self.slice = place.column, place.slice
        self.x_batch = _broadcast(self.x, place)
        self.y_batch = _broadcast(self.y, place)

    def product(self, i: Expr, lanes: int) -> Expr:
        """What ``lanes`` steps from ``4 * i`` on add to four columns."""
        k = self.c.k
        if not self.op.adj_y:
            left = compose(*(k.let(f"x{j}", v) for j, v in enumerate(self._left(i, lanes))))
            rows = [self.y.vec4(self._index(self.y, i * 4 + j, self.slice)) for j in range(lanes)]
            return multiply_add(left, [k.let(f"y{j}", row) for j, row in enumerate(rows)])
        values = self._left(i, lanes)[:lanes]
        columns = self.c.output.shape[3]
        made = []
        for j in range(4):
            at = self.slice * 4 + j
            kept = call("min", at, columns - 1) if columns % 4 else at
            right = k.let(f"y{j}", self.y.vec4(self._index(self.y, kept, i)))
            total = values[0] * right.lane(0)
            for n, value in enumerate(values[1:], 1):
                total = total + value * right.lane(n)
            made.append(total)
        return compose(*made)

    def _left(self, i: Expr, lanes: int) -> list[Expr]:
        """Steps of the left matrix's row; zeros where there are fewer than four."""
        k = self.c.k
        if self.op.adj_x:
            slice, lane = self.row // 4, self.row % 4
            found = [
                lane_of(
                    k.let(f"column{j}", self.x.vec4(self._index(self.x, i * 4 + j, slice))), lane
                )
                for j in range(lanes)
            ]
        else:
            vector = k.let("x", self.x.vec4(self._index(self.x, self.row, i)))
            found = [vector.lane(j) for j in range(lanes)]
        return found + [const(0.0, F32)] * (4 - lanes)

    def _index(self, view: View, row: Expr, slice: Expr) -> Expr:
        batch, plane = self.x_batch if view is self.x else self.y_batch
        return view.index(batch, plane, row, slice)


def _broadcast(view: View, place: Place) -> tuple[Expr, Expr]:
    """The matrix of an operand, by its batch and row axes."""
    n, h, _, _ = view.shape
    return place.batch if n > 1 else ZERO, place.row if h > 1 else ZERO


def _element(op: BatchMatmul, c: Context, at: Coordinates) -> Expr:
    k = c.k
    x, y = c.view(op.x, "x"), c.view(op.y, "y")
    acc = k.var("acc", const(0.0, F32))
    with k.loop("i", op.sizes[2]) as i:
        left = (i, at[-2]) if op.adj_x else (at[-2], i)
        right = (at[-1], i) if op.adj_y else (i, at[-1])
        k.add(acc, x.broadcast((*at[:-2], *left)) * y.broadcast((*at[:-2], *right)))
    return acc
