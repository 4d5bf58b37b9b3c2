"""What TFLite's reductions share: axes, shapes and checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from tflgpuc.ir.graph.axes import static_ints
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import DType, TensorType


class Reduction(Op):
    """Folds the elements along ``axis``: constant indices, in any order, negative from the end.

    The reduced axes stay as 1 with ``keep_dims`` and vanish without; no axes at all leave the input
    as it is. Subclasses give ``reference``.
    """

    sampled: ClassVar[DType] = "f32"

    input: Value
    axis: Value
    keep_dims: bool = False

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes to reduce: non-negative, sorted, each once."""
        given = static_ints(self.axis, "axis")
        rank = max(self.input.type.rank, 1)
        return tuple(sorted({a % rank for a in given})) if self.input.type.rank else ()

    @property
    def count(self) -> int:
        """How many elements go into each result."""
        made = 1
        for axis in self.axes:
            made *= self.input.type.shape[axis]
        return made

    def infer(self) -> TensorType:
        axes, shape = self.axes, self.input.type.shape
        if self.keep_dims:
            return TensorType(
                self.input.type.dtype, tuple(1 if i in axes else s for i, s in enumerate(shape))
            )
        return TensorType(
            self.input.type.dtype, tuple(s for i, s in enumerate(shape) if i not in axes)
        )

    def verify(self) -> None:
        rank = self.input.type.rank
        for axis in static_ints(self.axis, "axis"):
            self.check(-max(rank, 1) <= axis < max(rank, 1), f"axis {axis} of {self.input.type}")

    @classmethod
    def samples(cls) -> Iterator[Op]:
        dtype = cls.sampled
        image = runtime(2, 5, 7, 3, dtype=dtype)
        yield cls(input=image, axis=constant([1, 2], "axis"), keep_dims=True)
        yield cls(input=image, axis=constant([2, 1], "axis"))
        yield cls(input=image, axis=constant(-1, "axis"), keep_dims=True)
        yield cls(input=image, axis=constant([0, -1, 3], "axis"))
        yield cls(input=image, axis=constant([0, 1, 2, 3], "axis"))
        yield cls(input=runtime(1, 6, 5, dtype=dtype), axis=constant([-2], "axis"))
        yield cls(input=runtime(9, dtype=dtype), axis=constant(0, "axis"))
