"""PRELU."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.elementwise import Elementwise
from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.sampling import runtime, weights
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.shader import Expr, call


class Prelu(Elementwise, name="tfl.prelu", tflite="PRELU"):
    """x where it is not negative, else alpha * x; ``alpha`` broadcasts to the input's shape."""

    input: Value
    alpha: Value

    def infer(self) -> TensorType:
        return TensorType(self.input.type.dtype, self.input.type.shape)

    def verify(self) -> None:
        super().verify()
        shape, alpha = self.input.type.shape, self.alpha.type.shape
        padded = (1,) * (len(shape) - len(alpha)) + alpha
        self.check(
            len(padded) == len(shape)
            and all(a in (1, s) for a, s in zip(padded, shape, strict=True)),
            f"alpha {self.alpha.type} does not broadcast to {self.input.type}",
        )

    def expr(self, input: Expr, alpha: Expr) -> Expr:
        return call("max", input, 0.0) + alpha * call("min", input, 0.0)

    def reference(self, input: Array, alpha: Array) -> Array:
        return np.where(input >= 0, input, input * alpha).astype(input.dtype, copy=False)

    @classmethod
    def samples(cls) -> Iterator[Prelu]:
        image = runtime(2, 4, 3, 5)
        yield cls(input=image, alpha=weights(1, 1, 5, name="alpha"))
        yield cls(input=image, alpha=weights(4, 3, 5, name="alpha"))
        yield cls(input=image, alpha=weights(1, name="alpha"))
        yield cls(input=image, alpha=runtime(5, name="alpha"))
