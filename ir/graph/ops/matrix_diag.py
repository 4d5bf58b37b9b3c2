"""MATRIX_DIAG."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType


class MatrixDiag(Op, name="tfl.matrix_diag", tflite="MATRIX_DIAG"):
    """Square matrices of zeros with the rows of ``diagonal`` on their diagonals."""

    diagonal: Value

    def infer(self) -> TensorType:
        shape = self.diagonal.type.shape
        return TensorType(self.diagonal.type.dtype, (*shape, *shape[-1:]))

    def verify(self) -> None:
        self.check(self.diagonal.type.rank >= 1, "diagonal is a single number")

    def reference(self, diagonal: Array) -> Array:
        made = np.zeros(self.result.type.shape, diagonal.dtype)
        at = np.arange(diagonal.shape[-1])
        made[..., at, at] = diagonal
        return made

    @classmethod
    def samples(cls) -> Iterator[MatrixDiag]:
        for shape in ((2, 3, 4), (3, 5), (6,)):
            yield cls(diagonal=runtime(*shape, name="diagonal"))
        yield cls(diagonal=runtime(2, 3, name="diagonal", dtype="i32"))
