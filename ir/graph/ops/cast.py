"""Another element type, by value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from tflgpuc.ir.graph.axes import TFLITE_DTYPES, dtype_of
from tflgpuc.ir.graph.elementwise import Elementwise, last_bits
from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.types import NUMPY, DType, Lanes, TensorType
from tflgpuc.ir.shader import Expr, call, convert, select

FLOATS = ("f16", "f32", "f64")


class Cast(Elementwise, name="tfl.cast", tflite="CAST"):
    """``input`` in ``out_data_type``; bools are 0 and 1, and everything but 0 is true.

    Floats lose their fraction; integers that can't hold one are their least or greatest, the latter
    for NaN too. Integers that can't hold another keep its last bits. Of complex numbers only the
    real part is kept.
    """

    narrow: ClassVar[bool] = True

    input: Value
    in_data_type: str = "FLOAT32"
    out_data_type: str = "FLOAT32"

    def infer(self) -> TensorType:
        return TensorType(dtype_of(self, self.out_data_type), self.input.type.shape)

    def verify(self) -> None:
        # TFLite goes by the tensor itself, so in_data_type is not checked against it.
        for dtype in (self.input.type.dtype, self.infer().dtype):
            self.check(dtype in NUMPY, f"no conversion from or to {dtype}")

    def expr(self, input: Expr) -> Expr:
        made = self.infer().dtype
        if made == "bool":
            return input if input.type.scalar == "bool" else input.ne(0)
        if made in FLOATS:
            return convert(input, "f32")
        if input.type.scalar != "f32":
            return last_bits(convert(input, "i32"), made)
        limits = np.iinfo(NUMPY[made if made != "i64" else "i32"])  # type: ignore[type-var]
        # The next float after the range is exact, the last one within it may not be.
        beyond, least = float(limits.max) + 1.0, float(limits.min)
        whole = select(input <= least, limits.min, convert(call("trunc", input), "i32"))
        return select(input < beyond, whole, limits.max)

    def reference(self, input: Array) -> Array:
        made = NUMPY[self.result.type.dtype]
        if input.dtype.kind == "c" and made.kind != "c":
            input = input.real
        if input.dtype.kind != "f" or made.kind not in "iu":
            return np.asarray(input).astype(made)
        limits = np.iinfo(made)  # type: ignore[type-var]
        exact = input.astype(np.float64)
        inside = (exact > limits.min) & (exact < float(limits.max) + 1.0)
        whole = np.where(inside, exact, 0).astype(made)
        edge = np.where(exact <= limits.min, limits.min, limits.max).astype(made)
        return np.where(inside, whole, edge)

    def padding_lanes(self, *lanes: Lanes) -> Lanes:
        made = super().padding_lanes(*lanes)
        # Only floats hold anything that isn't finite.
        return "finite" if made == "any" and self.infer().dtype not in FLOATS else made

    def to_tflite(self) -> Mapping[str, Any]:
        given = self.input.type.dtype
        (name,) = (k for k, dtype in TFLITE_DTYPES.items() if dtype == given)
        return {"in_data_type": name, "out_data_type": self.out_data_type}

    @classmethod
    def samples(cls) -> Iterator[Cast]:
        cases: tuple[tuple[DType, str], ...] = (
            ("f32", "INT32"),
            ("i32", "FLOAT32"),
            ("bool", "FLOAT32"),
            ("f16", "FLOAT32"),
            ("f32", "BOOL"),
            ("f32", "UINT8"),
            ("f32", "INT64"),
            ("i32", "INT8"),
            ("i32", "UINT16"),
            ("u8", "FLOAT32"),
            ("bool", "INT32"),
            ("i32", "BOOL"),
        )
        for old, new in cases:
            x = Value(TensorType(old, (1, 2, 3, 5)), "x")
            yield cls(input=x, out_data_type=new)
