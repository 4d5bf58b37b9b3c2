"""-1, 0 or 1, as x is negative, zero or positive."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.types import DType
from tflgpuc.ir.shader import Expr, call


class Sign(Unary, name="tfl.sign", tflite="SIGN"):
    """-1, 0 or 1, as x is negative, zero or positive."""

    integers: ClassVar[tuple[DType, ...]] = ("i32",)

    def expr(self, x: Expr) -> Expr:
        if x.type.is_int:
            # Metal's sign() is for floats only.
            return call("clamp", x, -1, 1)
        return call("sign", x)

    def reference(self, x: Array) -> Array:
        return np.sign(x)
