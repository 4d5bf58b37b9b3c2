"""BATCH_MATMUL."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.axes import broadcast_shapes
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime, weights
from tflgpuc.ir.graph.types import TensorType


class BatchMatmul(Op, name="tfl.batch_matmul", tflite="BATCH_MATMUL"):
    """x @ y over the last two axes; the axes before them broadcast.

    ``adj_x`` and ``adj_y`` swap the last two axes of an operand first.
    """

    x: Value
    y: Value
    adj_x: bool = False
    adj_y: bool = False
    asymmetric_quantize_inputs: bool = False

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Rows and columns of a result matrix, and the depth of the sums."""
        *_, rows, depth = swapped(self.x.type.shape, self.adj_x)
        return rows, swapped(self.y.type.shape, self.adj_y)[-1], depth

    def infer(self) -> TensorType:
        rows, columns, _ = self.sizes
        batch = broadcast_shapes(self, self.x.type.shape[:-2], self.y.type.shape[:-2])
        return TensorType(self.x.type.dtype, (*batch, rows, columns))

    def verify(self) -> None:
        x, y = self.x.type, self.y.type
        self.check(x.rank >= 2 and y.rank >= 2, f"{x} and {y} need two axes each")
        depth = swapped(y.shape, self.adj_y)[-2]
        self.check(self.sizes[2] == depth, f"sums of {self.sizes[2]} and of {depth}: {x} by {y}")
        broadcast_shapes(self, x.shape[:-2], y.shape[:-2])

    def reference(self, x: Array, y: Array) -> Array:
        left = x.swapaxes(-1, -2) if self.adj_x else x
        right = y.swapaxes(-1, -2) if self.adj_y else y
        return np.asarray(np.matmul(left, right), x.dtype)

    def macs(self) -> int:
        return self.infer().size * self.sizes[2]

    @classmethod
    def samples(cls) -> Iterator[BatchMatmul]:
        yield cls(x=runtime(2, 3, 4, name="x"), y=runtime(2, 4, 5, name="y"))
        yield cls(
            x=runtime(2, 4, 3, name="x"), y=runtime(2, 5, 4, name="y"), adj_x=True, adj_y=True
        )
        yield cls(x=runtime(2, 1, 3, 4, name="x"), y=runtime(3, 4, 1, name="y"))
        yield cls(x=runtime(3, 7, name="x"), y=weights(5, 7, name="y"), adj_y=True)


def swapped(shape: tuple[int, ...], swap: bool) -> tuple[int, ...]:
    """``shape`` with the last two axes swapped where ``swap`` says so."""
    return (*shape[:-2], shape[-1], shape[-2]) if swap else shape
