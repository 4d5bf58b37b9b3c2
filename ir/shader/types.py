"""The types a kernel computes with: scalars and short vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scalar = Literal["f32", "f16", "i32", "u32", "bool"]

FLOATS: frozenset[str] = frozenset({"f32", "f16"})
INTS: frozenset[str] = frozenset({"i32", "u32"})


@dataclass(frozen=True, slots=True)
class Type:
    """A scalar, or a vector of 2 or 4 of them."""

    scalar: Scalar
    lanes: int = 1

    @property
    def is_float(self) -> bool:
        """Whether the lanes are floating point."""
        return self.scalar in FLOATS

    @property
    def is_int(self) -> bool:
        """Whether the lanes are integers, bool not counted."""
        return self.scalar in INTS

    def of(self, lanes: int) -> Type:
        """The same scalar with another number of lanes."""
        return Type(self.scalar, lanes)

    def __str__(self) -> str:
        return self.scalar if self.lanes == 1 else f"{self.scalar}x{self.lanes}"


F32, F32X4 = Type("f32"), Type("f32", 4)
F16, F16X4 = Type("f16"), Type("f16", 4)
I32, I32X4 = Type("i32"), Type("i32", 4)
U32, U32X2, U32X4 = Type("u32"), Type("u32", 2), Type("u32", 4)
BOOL, BOOLX4 = Type("bool"), Type("bool", 4)
