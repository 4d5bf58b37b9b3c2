"""The angle of a point."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.elementwise import Binary
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.shader import Expr, call, select


class Atan2(Binary, name="tfl.atan2", tflite="ATAN2"):
    """The angle of the point (rhs, lhs), in radians."""

    def expr(self, lhs: Expr, rhs: Expr) -> Expr:
        # Shading languages leave the angle of the origin undefined; TFLite has it 0.
        origin = (call("abs", lhs) + call("abs", rhs)).eq(0.0)
        return select(origin, 0.0, call("atan2", lhs, rhs))

    def reference(self, lhs: Array, rhs: Array) -> Array:
        return np.arctan2(lhs, rhs)
