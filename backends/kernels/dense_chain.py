"""The mean of a picture and the pointwise layers after it, by one work group a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.view import ZERO, View
from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.ops.dense_chain import DenseChain
from tflgpuc.ir.graph.types import Lanes
from tflgpuc.ir.shader import F32X4, Expr, Name, Shared, const, splat

# Invocations of the group, fewer where the target allows no more, and how many share a sum at most.
GROUP, SHARES = 128, 32
# Slices between layers: two vectors of them and the partial sums fit the least shared memory.
WIDEST = 400


def unfit(op: DenseChain) -> str | None:
    """Weights and biases have to be constants, and layers narrow enough for shared memory."""
    if any(v.constant is None for v in (*op.weights, *op.biases)):
        return "its weights or biases are computed at run time"
    widest = max(-(-v.type.shape[1] // 4) for v in op.weights)
    return None if widest <= WIDEST else f"a layer reads more than {WIDEST} slices"


def zero_lanes(op: object, *operands: Lanes) -> Lanes:
    """Zero weights and biases leave zeros."""
    return "zero"


def arranged(matrix: Array) -> NDArray[np.float32]:
    """[out, in] weights as rows of four outputs: by input, then by slice of outputs."""
    out, depth = matrix.shape
    padded = np.zeros((-(-depth // 4) * 4, -(-out // 4) * 4), np.float32)
    padded[:depth, :out] = matrix.T
    return padded.reshape(-1, 4)


@kernel(DenseChain, requires=unfit, lanes=zero_lanes)
def dense_chain(op: DenseChain, c: Context) -> Built:
    """Layers meet in shared memory; the invocations share out each one's outputs and inputs."""
    k = c.k
    x = c.view(op.input)
    group = min(GROUP, c.target.max_invocations)
    widest = max(-(-v.type.shape[1] // 4) for v in op.weights)
    partial = k.shared("partial", F32X4, group)
    # What a layer reads stays until all have read it: the next one's lies elsewhere.
    vectors = [k.shared("vector", F32X4, widest) for _ in range(min(2, len(op.weights)))]
    team = _Team(c, group, k.let("lane", k.lid(0)), k.let("batch", k.group(1)), partial)
    team.mean(x, vectors[0])
    layers = zip(op.weights, op.biases, op.between, strict=True)
    for i, (matrix, bias, activation) in enumerate(layers):
        after = None if i == len(op.weights) - 1 else vectors[(i + 1) % 2]
        team.layer(matrix, bias, activation, vectors[i % 2], after)
    return c.done((group, c.output.shape[0], 1), (group, 1, 1))


@dataclass(frozen=True, eq=False)
class _Team:
    """A work group that computes vectors together: sums over inputs, one a slice of outputs."""

    c: Context
    group: int
    lane: Expr
    batch: Expr
    partial: Shared

    def mean(self, x: View, into: Shared) -> None:
        """The mean over rows and columns; padding lanes hold nothing that harms a sum."""
        k = self.c.k
        _, h, w, _ = x.shape

        def add(acc: Name, slice: Expr, pixel: Expr) -> None:
            at = (ZERO, ZERO) if h * w == 1 else (pixel // w, pixel % w)
            k.add(acc, x.read_clean(self.batch, *at, slice))

        def finish(slice: Expr, total: Expr) -> None:
            k.store(into, slice, total / float(h * w))

        self.sums(x.slices, h * w, add, finish)
        k.barrier()

    def layer(
        self, weights: Value, bias: Value, op: Unary | None, given: Shared, into: Shared | None
    ) -> None:
        """One layer, from one vector to the next, or without ``into`` to the output."""
        c, k = self.c, self.c.k
        out, depth = weights.type.shape
        slices = -(-out // 4)
        first = c.constants.add(arranged(np.asarray(weights.static("weights"), np.float32)))
        biases = c.constants.channels(np.asarray(bias.static("bias"), np.float32), out)

        def add(acc: Name, slice: Expr, i: Expr) -> None:
            value = k.let("value", given[i])
            row = k.let("row", i * (4 * slices) + slice + first)
            for lane in range(4):
                weight = c.constants.row(row + lane * slices)
                k.add(acc, splat(value.lane(lane), 4) * weight)

        def finish(slice: Expr, total: Expr) -> None:
            made = k.let("made", total + biases(slice))
            if into is None:
                c.store(c.at(self.batch, 0, 0, slice), made)
            else:
                k.store(into, slice, made if op is None else op.expr(made))

        self.sums(slices, -(-depth // 4), add, finish)
        if into is not None:
            k.barrier()

    def sums(
        self,
        count: int,
        depth: int,
        add: Callable[[Name, Expr, Expr], None],
        finish: Callable[[Expr, Expr], None],
    ) -> None:
        """Sums of ``depth`` terms for ``count`` slices; where there are lanes for it, in shares."""
        k, lane = self.c.k, self.lane
        shares = min(self.group // count, depth, SHARES)
        if shares <= 1:
            with k.loop("slice", count, lane, self.group) as slice:
                total = k.var("total", const(0.0, F32X4))
                with k.loop("i", depth) as i:
                    add(total, slice, i)
                finish(slice, total)
            return
        with k.when(lane < count * shares):
            slice = k.let("slice", lane % count)
            share = k.var("share", const(0.0, F32X4))
            with k.loop("i", depth, lane // count, shares) as i:
                add(share, slice, i)
            k.store(self.partial, lane, share)
        k.barrier()
        with k.when(lane < count):
            total = k.var("total", self.partial[lane])
            with k.loop("other", count * shares, lane + count, count) as other:
                k.add(total, self.partial[other])
            finish(lane, total)
