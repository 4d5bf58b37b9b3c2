"""CONV_2D."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.activation import activate
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime, weights
from tflgpuc.ir.graph.spatial import (
    Pads,
    Pair,
    output_size,
    taps,
    verify_activation,
    verify_bias,
    verify_window,
)
from tflgpuc.ir.graph.types import TensorType


class Conv2D(Op, name="tfl.conv_2d", tflite="CONV_2D"):
    """Cross-correlation of an NHWC input with an [out, kh, kw, in] filter, bias, then activation.

    A filter of fewer input channels than the input makes a grouped convolution of
    ``channels / filter channels`` groups. ``pads`` are top, bottom, left, right zeros around the
    input, only with padding EXPLICIT, which no TFLite file has: passes that absorb a Pad make it.
    """

    input: Value
    filter: Value
    bias: Value | None = None
    padding: str = "SAME"
    stride_w: int = 1
    stride_h: int = 1
    fused_activation_function: str = "NONE"
    dilation_w_factor: int = 1
    dilation_h_factor: int = 1
    pads: Pads | None = None

    @property
    def kernel(self) -> Pair:
        """Height and width of the filter."""
        _, h, w, _ = self.filter.type.shape
        return h, w

    @property
    def stride(self) -> Pair:
        """Vertical and horizontal stride."""
        return self.stride_h, self.stride_w

    @property
    def dilation(self) -> Pair:
        """Vertical and horizontal distance of the filter's taps."""
        return self.dilation_h_factor, self.dilation_w_factor

    @property
    def groups(self) -> int:
        """Number of groups of channels that do not mix."""
        return self.input.type.shape[3] // self.filter.type.shape[3]

    def infer(self) -> TensorType:
        h, w = output_size(self)
        shape = (self.input.type.shape[0], h, w, self.filter.type.shape[0])
        return TensorType(self.input.type.dtype, shape)

    def verify(self) -> None:
        self.check(self.filter.type.rank == 4, f"filter must be OHWI, not {self.filter.type}")
        verify_window(self)
        out, _, _, per_group = self.filter.type.shape
        channels = self.input.type.shape[3]
        self.check(
            per_group > 0 and channels % per_group == 0,
            f"{channels} input channels are no multiple of the filter's {per_group}",
        )
        self.check(out % self.groups == 0, f"{out} channels do not make {self.groups} groups")
        verify_bias(self, self.bias, out)
        verify_activation(self, self.fused_activation_function)

    def reference(self, input: Array, filter: Array, bias: Array | None = None) -> Array:
        if input.dtype.kind == "f":
            filter = self.filter.type.real(filter)
        shape, groups = self.infer().shape, self.groups
        out, kh, kw, per_group = filter.shape
        grouped = filter.reshape(groups, out // groups, kh, kw, per_group)
        total = np.zeros((groups, shape[0] * shape[1] * shape[2], out // groups), np.float32)
        for i, j, tap in taps(self, input):
            pixels = tap.reshape(-1, groups, per_group).transpose(1, 0, 2)
            total += pixels @ grouped[:, :, i, j].transpose(0, 2, 1)
        made = total.transpose(1, 0, 2).reshape(shape)
        if bias is not None:
            made = made + bias.ravel()
        return activate(self.fused_activation_function, made.astype(input.dtype, copy=False))

    def macs(self) -> int:
        kh, kw = self.kernel
        return self.infer().size * kh * kw * self.filter.type.shape[3]

    @classmethod
    def samples(cls) -> Iterator[Conv2D]:
        image, odd = runtime(1, 8, 6, 4), runtime(2, 7, 5, 3)
        yield cls(input=image, filter=weights(8, 1, 1, 4), bias=weights(8))
        yield cls(input=odd, filter=weights(5, 3, 3, 3), bias=weights(5), padding="VALID")
        yield cls(input=odd, filter=weights(1, 3, 3, 3), stride_w=2, stride_h=2)
        yield cls(
            input=image,
            filter=weights(4, 2, 3, 4),
            bias=weights(4),
            stride_w=1,
            stride_h=2,
            fused_activation_function="RELU6",
        )
        yield cls(input=image, filter=weights(3, 3, 3, 4), dilation_h_factor=2, dilation_w_factor=3)
        yield cls(input=image, filter=weights(6, 3, 3, 2), fused_activation_function="RELU")
        yield cls(input=runtime(1, 4, 5, 16), filter=weights(8, 3, 3, 8), bias=weights(8))
        yield cls(input=runtime(1, 4, 5, 6), filter=weights(12, 1, 1, 1), bias=weights(12))
        yield cls(
            input=runtime(1, 6, 6, 1),
            filter=weights(5, 3, 3, 1),
            bias=weights(5),
            padding="EXPLICIT",
            stride_w=2,
            stride_h=2,
            pads=(1, 0, 0, 2),
        )
