"""DEPTHWISE_CONV_2D."""

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


class DepthwiseConv2D(Op, name="tfl.depthwise_conv_2d", tflite="DEPTHWISE_CONV_2D"):
    """Each input channel on its own with the filters of [1, kh, kw, channels * multiplier].

    Output channel ``c * multiplier + m`` is made of input channel ``c``. Some files say a
    ``depth_multiplier`` of 0: ``multiplier`` is what the shapes say. ``pads`` as in Conv2D.
    """

    input: Value
    filter: Value
    bias: Value | None = None
    padding: str = "SAME"
    stride_w: int = 1
    stride_h: int = 1
    depth_multiplier: int = 1
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
    def multiplier(self) -> int:
        """Output channels made of each input channel."""
        return self.filter.type.shape[3] // self.input.type.shape[3]

    def infer(self) -> TensorType:
        h, w = output_size(self)
        shape = (self.input.type.shape[0], h, w, self.filter.type.shape[3])
        return TensorType(self.input.type.dtype, shape)

    def verify(self) -> None:
        shape = self.filter.type.shape
        self.check(
            len(shape) == 4 and shape[0] == 1, f"filter must be 1HWC, not {self.filter.type}"
        )
        verify_window(self)
        channels, out = self.input.type.shape[3], shape[3]
        self.check(
            channels > 0 and out % channels == 0 and out > 0,
            f"{out} filter channels are no multiple of the input's {channels}",
        )
        self.check(
            self.depth_multiplier in (0, self.multiplier),
            f"depth_multiplier {self.depth_multiplier}, but shapes make it {self.multiplier}",
        )
        verify_bias(self, self.bias, out)
        verify_activation(self, self.fused_activation_function)

    def reference(self, input: Array, filter: Array, bias: Array | None = None) -> Array:
        made = np.zeros(self.infer().shape, np.float32)
        for i, j, tap in taps(self, input):
            made += np.repeat(tap, self.multiplier, axis=3) * filter[0, i, j]
        if bias is not None:
            made += bias.ravel()
        return activate(self.fused_activation_function, made.astype(input.dtype, copy=False))

    def macs(self) -> int:
        kh, kw = self.kernel
        return self.infer().size * kh * kw

    @classmethod
    def samples(cls) -> Iterator[DepthwiseConv2D]:
        image, odd = runtime(1, 8, 6, 4), runtime(2, 7, 5, 3)
        yield cls(input=image, filter=weights(1, 3, 3, 4), bias=weights(4))
        yield cls(input=odd, filter=weights(1, 3, 3, 3), padding="VALID", depth_multiplier=0)
        yield cls(
            input=odd,
            filter=weights(1, 5, 5, 3),
            bias=weights(3),
            stride_w=2,
            stride_h=2,
            fused_activation_function="RELU6",
        )
        yield cls(input=odd, filter=weights(1, 3, 2, 6), bias=weights(6), depth_multiplier=2)
        yield cls(input=runtime(1, 6, 5, 1), filter=weights(1, 3, 3, 8), depth_multiplier=8)
        yield cls(input=image, filter=weights(1, 3, 3, 4), dilation_h_factor=2, dilation_w_factor=2)
        yield cls(
            input=runtime(1, 6, 6, 5),
            filter=weights(1, 3, 3, 5),
            padding="EXPLICIT",
            stride_w=2,
            stride_h=2,
            pads=(0, 1, 0, 1),
        )
