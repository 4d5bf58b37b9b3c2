"""BITCAST."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tflgpuc.ir.graph.axes import dtype_of
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import NUMPY, DType, TensorType


class Bitcast(Op, name="tfl.bitcast", tflite="BITCAST"):
    """The bytes of ``input`` read as another element type.

    A narrower type gets a last axis of the elements that one was; a wider one takes the last axis.
    ``out_data_type`` isn't in TFLite's options, the result tensor says it.
    """

    input: Value
    out_data_type: str = "INT32"

    def infer(self) -> TensorType:
        shape, made = self.input.type.shape, dtype_of(self, self.out_data_type)
        for dtype in (self.input.type.dtype, made):
            self.check(dtype in NUMPY, f"no known bits in {dtype}")
        old, new = NUMPY[self.input.type.dtype].itemsize, NUMPY[made].itemsize
        if old > new:
            return TensorType(made, (*shape, old // new))
        if old < new:
            fits = shape[-1:] == (new // old,)
            self.check(fits, f"{self.input.type} does not make {made}")
            shape = shape[:-1]
        return TensorType(made, shape)

    def verify(self) -> None:
        self.infer()

    def reference(self, input: Array) -> Array:
        flat = np.ascontiguousarray(input).reshape(-1)
        type = self.result.type
        return flat.view(NUMPY[type.dtype]).reshape(type.shape)

    def to_tflite(self) -> Mapping[str, Any]:
        return {}

    @classmethod
    def samples(cls) -> Iterator[Bitcast]:
        cases: tuple[tuple[DType, tuple[int, ...], str], ...] = (
            ("f32", (2, 3, 4, 5), "INT32"),
            ("i32", (2, 3), "FLOAT32"),
            ("f32", (2, 3), "INT8"),
            ("i16", (3, 2), "INT32"),
            ("i8", (4,), "UINT8"),
        )
        for dtype, shape, made in cases:
            yield cls(input=runtime(*shape, dtype=dtype), out_data_type=made)
