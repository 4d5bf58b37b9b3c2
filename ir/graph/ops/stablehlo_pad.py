"""STABLEHLO_PAD."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import TensorType


class StablehloPad(Op, name="tfl.stablehlo_pad", tflite="STABLEHLO_PAD"):
    """``operand`` with copies of one number before, between and after its elements.

    There is one amount for each axis; those at the edges may be negative, which cuts off.
    """

    operand: Value
    padding_value: Value
    edge_padding_low: tuple[int, ...] = ()
    edge_padding_high: tuple[int, ...] = ()
    interior_padding: tuple[int, ...] = ()

    @property
    def spread(self) -> tuple[int, ...]:
        """The size of each axis with what is put between elements, before any edges."""
        sizes = zip(self.operand.type.shape, self.interior_padding, strict=True)
        return tuple(n + max(0, n - 1) * between for n, between in sizes)

    def infer(self) -> TensorType:
        sizes = zip(self.spread, self.edge_padding_low, self.edge_padding_high, strict=True)
        made = tuple(max(0, n + low + high) for n, low, high in sizes)
        return TensorType(self.operand.type.dtype, made)

    def verify(self) -> None:
        operand, value = self.operand.type, self.padding_value.type
        for amounts in (self.edge_padding_low, self.edge_padding_high, self.interior_padding):
            self.check(len(amounts) == operand.rank, f"amounts {amounts} for {operand}")
        self.check(min((0, *self.interior_padding)) >= 0, f"between: {self.interior_padding}")
        fits = value.size == 1 and value.dtype == operand.dtype
        self.check(fits, f"{operand} is padded with {value}")

    def reference(self, operand: Array, padding_value: Array) -> Array:
        low = [max(0, n) for n in self.edge_padding_low]
        high = [max(0, n) for n in self.edge_padding_high]
        shape = [sum(sizes) for sizes in zip(low, self.spread, high, strict=True)]
        whole = np.full(shape, padding_value.reshape(()), operand.dtype)
        steps = zip(low, self.spread, self.interior_padding, strict=True)
        whole[tuple(slice(a, a + n, between + 1) for a, n, between in steps)] = operand
        begins = (max(0, -n) for n in self.edge_padding_low)
        sizes = zip(begins, self.result.type.shape, strict=True)
        return whole[tuple(slice(a, a + n) for a, n in sizes)]

    @classmethod
    def samples(cls) -> Iterator[StablehloPad]:
        value = constant(np.array(9, np.float32), "value")
        for shape, low, high, between in (
            ((2, 3), (1, 0), (0, 1), (0, 1)),
            ((1, 4, 3, 5), (0, 1, 2, 0), (0, 2, 0, 1), (0, 0, 0, 0)),
            ((2, 5, 4), (0, -1, 1), (1, -2, -1), (0, 1, 2)),
            ((6,), (-2,), (0,), (0,)),
        ):
            yield cls(
                operand=runtime(*shape, name="operand"),
                padding_value=value,
                edge_padding_low=low,
                edge_padding_high=high,
                interior_padding=between,
            )
