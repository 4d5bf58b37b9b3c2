"""The least integer that is not less."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call


class Ceil(Unary, name="tfl.ceil", tflite="CEIL"):
    """The least integer that is not less."""

    def expr(self, x: Expr) -> Expr:
        return call("ceil", x)

    def reference(self, x: Array) -> Array:
        return np.ceil(x)
