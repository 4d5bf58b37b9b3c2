"""NumPy's basic indexing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tflgpuc.ir.graph.axes import static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.types import TensorType


class StridedSlice(Op, name="tfl.strided_slice", tflite="STRIDED_SLICE"):
    """``input[begin:end:strides, ...]``; bit i of a mask changes what entry i of the index means.

    ``begin_mask`` and ``end_mask`` leave a bound out, an ``ellipsis_mask`` entry stands for all
    axes that no other entry names, a ``new_axis_mask`` entry adds an axis of 1, a
    ``shrink_axis_mask`` entry takes the element at begin and drops the axis. With ``offset``, end
    counts from begin.
    """

    input: Value
    begin: Value
    end: Value
    strides: Value
    begin_mask: int = 0
    end_mask: int = 0
    ellipsis_mask: int = 0
    new_axis_mask: int = 0
    shrink_axis_mask: int = 0
    offset: bool = False

    @property
    def index(self) -> tuple[range | int | None, ...]:
        """What is taken of each input axis, one position where it goes; None is a new axis."""
        shape, count = self.input.type.shape, self.begin.type.size
        special = self.ellipsis_mask | self.new_axis_mask
        unnamed = len(shape) - sum(not special >> i & 1 for i in range(count))
        found: list[range | int | None] = []
        axes = iter(shape)
        for i in range(count):
            if self.ellipsis_mask >> i & 1:
                found += [range(next(axes)) for _ in range(unnamed)]
            elif self.new_axis_mask >> i & 1:
                found.append(None)
            else:
                found.append(self._positions(i, next(axes)))
        return (*found, *map(range, axes))

    def _positions(self, entry: int, size: int) -> range | int:
        """The positions that an entry takes of an axis of ``size`` elements."""
        begin, end, stride = (
            static_ints(value, what)[entry]
            for what, value in (("begin", self.begin), ("end", self.end), ("strides", self.strides))
        )
        lowest, highest = (0, size) if stride > 0 else (-1, size - 1)
        first = min(max(begin + size if begin < 0 else begin, lowest), highest)
        if self.begin_mask >> entry & 1:
            first = lowest if stride > 0 else highest
        if self.shrink_axis_mask >> entry & 1:
            return first
        last = end + first if self.offset else end
        last = min(max(last + size if last < 0 else last, lowest), highest)
        if self.end_mask >> entry & 1:
            last = highest if stride > 0 else lowest
        return range(first, last, stride)

    def infer(self) -> TensorType:
        kept = [1 if p is None else len(p) for p in self.index if not isinstance(p, int)]
        return TensorType(self.input.type.dtype, tuple(kept))

    def verify(self) -> None:
        shapes = {v.type.shape for v in (self.begin, self.end, self.strides)}
        self.check(len(shapes) == 1, "begin, end and strides differ in length")
        count, rank = self.begin.type.size, self.input.type.rank
        special = self.ellipsis_mask | self.new_axis_mask
        named = sum(not special >> i & 1 for i in range(count))
        self.check(named <= rank, f"{named} entries index {self.input.type}")
        ellipses = sum(self.ellipsis_mask >> i & 1 for i in range(count))
        self.check(ellipses <= 1, "there are several ellipses")
        self.check(0 not in static_ints(self.strides, "strides"), "a stride is 0")
        axes = [p for p in self.index if p is not None]
        for axis, (taken, size) in enumerate(zip(axes, self.input.type.shape, strict=True)):
            if isinstance(taken, int):
                self.check(0 <= taken < size, f"element {taken} of axis {axis} of size {size}")

    def reference(self, input: Array, begin: Array, end: Array, strides: Array) -> Array:
        axes = [[p] if isinstance(p, int) else list(p) for p in self.index if p is not None]
        grid = np.ix_(*(np.array(positions, np.intp) for positions in axes))
        return input[grid].reshape(self.result.type.shape)

    @classmethod
    def samples(cls) -> Iterator[StridedSlice]:
        yield sample((1, 6, 5, 8), (0, 1, 0, 0), (1, 6, 5, 8), (1, 2, 1, 1))
        yield sample((2, 6, 5, 7), (0, 5, -1, 1), (2, -7, 0, 6), (1, -2, -1, 2))
        masked = sample((1, 6, 5, 7), (9, 1, 1, 3), (0, 0, -1, 0), (1, 1, 1, 1))
        yield replace(masked, begin_mask=0b0001, end_mask=0b1011)
        yield replace(masked, begin_mask=0b0001, end_mask=0b0011, shrink_axis_mask=0b1000)
        yield replace(masked, begin_mask=0b0001, end_mask=0b1011, shrink_axis_mask=0b0100)
        yield replace(sample((3, 4, 5), (0, 1), (0, 3), (1, 1)), ellipsis_mask=0b01)
        yield replace(sample((3, 5), (0, 0, 2), (3, 0, 5), (1, 1, 1)), new_axis_mask=0b010)
        yield replace(sample((3, 5), (1, 2), (2, 3), (1, 1)), offset=True)


def sample(
    shape: tuple[int, ...], begin: tuple[int, ...], end: tuple[int, ...], strides: tuple[int, ...]
) -> StridedSlice:
    """An instance over constants, for tests."""
    type = TensorType("i32", (len(begin),))
    made = [Constant(data=np.array(v, np.int32), type=type).result for v in (begin, end, strides)]
    x = Value(TensorType("f32", shape), "x")
    return StridedSlice(input=x, begin=made[0], end=made[1], strides=made[2])
