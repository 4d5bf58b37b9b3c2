"""MATRIX_SET_DIAG."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType


class MatrixSetDiag(Op, name="tfl.matrix_set_diag", tflite="MATRIX_SET_DIAG"):
    """The matrices of ``input`` with the rows of ``diagonal`` on their diagonals."""

    input: Value
    diagonal: Value

    def infer(self) -> TensorType:
        return TensorType(self.input.type.dtype, self.input.type.shape)

    def verify(self) -> None:
        input, diagonal = self.input.type, self.diagonal.type
        self.check(input.rank >= 2, f"{input} is no matrix")
        self.check(input.dtype == diagonal.dtype, f"{diagonal} is put into {input}")
        wanted = (*input.shape[:-2], min(input.shape[-2:]))
        self.check(diagonal.shape == wanted, f"diagonal is {diagonal}, not of {wanted}")

    def reference(self, input: Array, diagonal: Array) -> Array:
        made = input.copy()
        at = np.arange(diagonal.shape[-1])
        made[..., at, at] = diagonal
        return made

    @classmethod
    def samples(cls) -> Iterator[MatrixSetDiag]:
        for shape in ((2, 3, 4, 4), (2, 3, 5), (4, 2)):
            diagonal = runtime(*shape[:-2], min(shape[-2:]), name="diagonal")
            yield cls(input=runtime(*shape), diagonal=diagonal)
