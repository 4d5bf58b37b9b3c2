"""GATHER_ND."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import TensorType


class GatherND(Op, name="tfl.gather_nd", tflite="GATHER_ND"):
    """The entries of ``params`` at places in its first axes, each a row of ``indices``."""

    params: Value
    indices: Value

    @property
    def depth(self) -> int:
        """How many axes of params a row of indices names."""
        return self.indices.type.shape[-1]

    def infer(self) -> TensorType:
        kept = self.params.type.shape[self.depth :]
        return TensorType(self.params.type.dtype, (*self.indices.type.shape[:-1], *kept))

    def verify(self) -> None:
        params, indices = self.params.type, self.indices.type
        self.check(indices.dtype in ("i16", "i32", "i64"), f"indices are {indices.dtype}")
        self.check(indices.rank >= 1, "indices are a single number")
        fits = 1 <= indices.shape[-1] <= params.rank
        self.check(fits, f"{indices} names {indices.shape[-1:]} axes of {params}")
        known = self.indices.constant
        if known is not None:
            inside = ((known >= 0) & (known < params.shape[: self.depth])).all()
            self.check(bool(inside), f"indices outside of {params}")

    def reference(self, params: Array, indices: Array) -> Array:
        return np.asarray(params[tuple(np.moveaxis(indices, -1, 0))])

    @classmethod
    def samples(cls) -> Iterator[GatherND]:
        for shape, at in (
            ((5, 3), [[4], [0]]),
            ((2, 4, 3, 6), [[1, 3], [0, 2], [1, 1]]),
            ((3, 4), [[[2, 3], [0, 0]], [[1, 1], [2, 0]]]),
            ((4, 5), [2]),
        ):
            indices = constant(np.array(at, np.int32), "indices")
            yield cls(params=runtime(*shape, name="params"), indices=indices)
        indices = runtime(3, 2, name="indices", dtype="i32")
        yield cls(params=runtime(2, 3, 5, name="params"), indices=indices)
