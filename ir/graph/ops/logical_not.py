"""True where x is false."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary, truth
from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.types import Lanes, TensorType
from tflgpuc.ir.shader import Expr


class LogicalNot(Unary, name="tfl.logical_not", tflite="LOGICAL_NOT"):
    """True where x is false."""

    def expr(self, x: Expr) -> Expr:
        return ~truth(x)

    def reference(self, x: Array) -> Array:
        return np.logical_not(x)

    def verify(self) -> None:
        super().verify()
        self.check(self.x.type.dtype == "bool", f"x is {self.x.type.dtype}, not bool")

    def padding_lanes(self, *lanes: Lanes) -> Lanes:
        # The lanes hold 0 or 1 whatever the operand's hold.
        return "finite"

    @classmethod
    def samples(cls) -> Iterator[LogicalNot]:
        for shape in ((1, 4, 3, 5), (2, 3), ()):
            yield cls(x=Value(TensorType("bool", shape), "x"))
