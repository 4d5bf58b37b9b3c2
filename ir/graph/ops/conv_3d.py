"""CONV_3D."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.activation import activate
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime, weights
from tflgpuc.ir.graph.spatial import verify_activation, verify_bias
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.graph.volume import Triple, output_size, padding, places, strided, verify_volume


class Conv3D(Op, name="tfl.conv_3d", tflite="CONV_3D"):
    """Cross-correlation of an NDHWC input with a [depth, height, width, in, out] filter, plus bias."""

    input: Value
    filter: Value
    bias: Value | None = None
    padding: str = "SAME"
    stride_d: int = 1
    stride_w: int = 1
    stride_h: int = 1
    fused_activation_function: str = "NONE"
    dilation_d_factor: int = 1
    dilation_w_factor: int = 1
    dilation_h_factor: int = 1

    @property
    def kernel(self) -> Triple:
        """Depth, height and width of the filter."""
        d, h, w, _, _ = self.filter.type.shape
        return d, h, w

    @property
    def stride(self) -> Triple:
        """Strides over depth, height and width."""
        return self.stride_d, self.stride_h, self.stride_w

    @property
    def dilation(self) -> Triple:
        """Distances of the filter's taps over depth, height and width."""
        return self.dilation_d_factor, self.dilation_h_factor, self.dilation_w_factor

    def infer(self) -> TensorType:
        shape = (self.input.type.shape[0], *output_size(self), self.filter.type.shape[4])
        return TensorType(self.input.type.dtype, shape)

    def verify(self) -> None:
        self.check(self.filter.type.rank == 5, f"filter must be DHWIO, not {self.filter.type}")
        verify_volume(self)
        self.check(min(output_size(self)) >= 1, f"a window of {self.kernel} does not fit")
        channels = self.input.type.shape[4]
        self.check(self.filter.type.shape[3] == channels, f"{channels} input channels")
        verify_bias(self, self.bias, self.filter.type.shape[4])
        verify_activation(self, self.fused_activation_function)

    def reference(self, input: Array, filter: Array, bias: Array | None = None) -> Array:
        around = padding(self, input.shape[1:4])
        padded = np.pad(input, ((0, 0), *around, (0, 0)))
        size = output_size(self)
        total = np.zeros(self.infer().shape, np.float32)
        for tap, start in places(self):
            total += strided(padded, start, size, self.stride) @ filter[tap]
        if bias is not None:
            total = total + bias
        return activate(self.fused_activation_function, total.astype(input.dtype, copy=False))

    def macs(self) -> int:
        d, h, w, depth, _ = self.filter.type.shape
        return self.infer().size * d * h * w * depth

    @classmethod
    def samples(cls) -> Iterator[Conv3D]:
        yield cls(input=runtime(1, 4, 5, 6, 2), filter=weights(2, 3, 3, 2, 3), bias=weights(3))
        yield cls(
            input=runtime(2, 5, 6, 5, 3),
            filter=weights(3, 2, 2, 3, 5),
            padding="VALID",
            stride_d=2,
            stride_h=2,
            fused_activation_function="RELU",
        )
        yield cls(
            input=runtime(1, 5, 5, 7, 1),
            filter=runtime(2, 2, 2, 1, 4, name="filter"),
            dilation_d_factor=2,
            dilation_w_factor=3,
        )
