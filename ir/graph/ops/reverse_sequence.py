"""REVERSE_SEQUENCE."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import TensorType


class ReverseSequence(Op, name="tfl.reverse_sequence", tflite="REVERSE_SEQUENCE"):
    """``input`` with the first ``seq_lengths[i]`` elements along ``seq_dim`` the other way round.

    i counts the entries along ``batch_dim``. Neither axis may be counted from the end.
    """

    input: Value
    seq_lengths: Value
    seq_dim: int = 0
    batch_dim: int = 0

    def infer(self) -> TensorType:
        return TensorType(self.input.type.dtype, self.input.type.shape)

    def verify(self) -> None:
        input, lengths = self.input.type, self.seq_lengths.type
        self.check(lengths.dtype in ("i32", "i64"), f"seq_lengths are {lengths.dtype}")
        for axis in (self.seq_dim, self.batch_dim):
            self.check(0 <= axis < input.rank, f"axis {axis} of {input}")
        self.check(self.seq_dim != self.batch_dim, f"axis {self.seq_dim} is both axes")
        fits = lengths.shape == (input.shape[self.batch_dim],)
        self.check(fits, f"seq_lengths are {lengths} for {input}")
        known, most = self.seq_lengths.constant, input.shape[self.seq_dim]
        if known is not None and known.size:
            self.check(known.max() <= most, f"a length of {known.max()} of {most}")

    def reference(self, input: Array, seq_lengths: Array) -> Array:
        moved = np.moveaxis(input, (self.batch_dim, self.seq_dim), (0, 1)).copy()
        for entry, length in zip(moved, seq_lengths, strict=True):
            if length > 0:
                entry[:length] = entry[:length][::-1].copy()
        return np.moveaxis(moved, (0, 1), (self.batch_dim, self.seq_dim))

    @classmethod
    def samples(cls) -> Iterator[ReverseSequence]:
        for shape, lengths, along, batch in (
            ((2, 4, 3), [2, 4], 1, 0),
            ((3, 4, 5), [2, 0, 1, 3], 0, 1),
            ((2, 3, 4, 5), [5, 1, 4], 3, 1),
            ((3, 5), [5, 2, 4], 1, 0),
        ):
            yield cls(
                input=runtime(*shape),
                seq_lengths=constant(lengths, "lengths"),
                seq_dim=along,
                batch_dim=batch,
            )
        given = runtime(2, name="lengths", dtype="i32")
        yield cls(input=runtime(2, 6, 3), seq_lengths=given, seq_dim=1)
