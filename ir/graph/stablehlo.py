"""What StableHLO's elementwise ops of two operands share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Self

from tflgpuc.ir.graph.elementwise import Binary
from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.graph.types import DType, TensorType


class StablehloBinary(Binary):
    """An elementwise op of two operands of one type, shape included: nothing broadcasts."""

    sampled: ClassVar[tuple[DType, ...]] = ("f32", "i32", "bool")

    def verify(self) -> None:
        super().verify()
        one, other = self.lhs.type, self.rhs.type
        self.check(one.shape == other.shape, f"{one} and {other} differ")

    @classmethod
    def samples(cls) -> Iterator[Self]:
        for dtype in cls.sampled:
            for shape in ((1, 4, 3, 5), (3, 6), (9,)):
                type = TensorType(dtype, shape)
                yield cls(lhs=Value(type, "lhs"), rhs=Value(type, "rhs"))
