"""Adds a border that mirrors what is inside."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.ops.pad import SAMPLE_WIDTHS, sample_operands
from tflgpuc.ir.graph.padding import Padding


class MirrorPad(Padding, name="tfl.mirror_pad", tflite="MIRROR_PAD"):
    """``input`` amid its mirror image: REFLECT leaves out the edge itself, SYMMETRIC repeats it."""

    mode: str = "REFLECT"

    def verify(self) -> None:
        super().verify()
        self.check(self.mode in ("REFLECT", "SYMMETRIC"), f"no such mode: {self.mode}")
        inner = 1 if self.mode == "REFLECT" else 0
        for size, widths in zip(self.input.type.shape, self.widths, strict=True):
            fits = max(widths) <= max(size - inner, 0)
            self.check(fits, f"{max(widths)} elements do not mirror an axis of {size}")

    def reference(self, input: Array, paddings: Array) -> Array:
        return np.pad(input, self.widths, "reflect" if self.mode == "REFLECT" else "symmetric")

    @classmethod
    def samples(cls) -> Iterator[MirrorPad]:
        for widths in SAMPLE_WIDTHS:
            x, paddings = sample_operands(widths)
            for mode in ("REFLECT", "SYMMETRIC"):
                if mode == "SYMMETRIC" or not widths[0][0]:
                    yield cls(input=x, paddings=paddings, mode=mode)
