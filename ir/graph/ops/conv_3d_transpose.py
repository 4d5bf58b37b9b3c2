"""CONV_3D_TRANSPOSE."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.activation import activate
from tflgpuc.ir.graph.axes import static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import constant, runtime, weights
from tflgpuc.ir.graph.spatial import verify_activation, verify_bias
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.graph.volume import Triple, padding, places, strided, verify_volume


class Conv3DTranspose(Op, name="tfl.conv_3d_transpose", tflite="CONV_3D_TRANSPOSE"):
    """The transposition of CONV_3D with a [depth, height, width, out, in] filter, plus bias.

    ``output_shape`` is NDHWC; each input voxel adds its stamp of the filter, ``stride`` apart.
    """

    output_shape: Value
    filter: Value
    input: Value
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

    @property
    def crop(self) -> Triple:
        """How many voxels of the stamps lie before the first output, an axis each."""
        d, h, w = (before for before, _ in padding(self, self.infer().shape[1:4]))
        return d, h, w

    def infer(self) -> TensorType:
        return TensorType(self.input.type.dtype, static_ints(self.output_shape, "output_shape"))

    def verify(self) -> None:
        self.check(self.filter.type.rank == 5, f"filter must be DHWOI, not {self.filter.type}")
        verify_volume(self)
        shape = self.infer().shape
        self.check(len(shape) == 5 and min(shape) >= 1, f"output shape {shape}")
        batch, channels = self.input.type.shape[0], self.input.type.shape[4]
        self.check(self.filter.type.shape[4] == channels, f"{channels} input channels")
        fits = (shape[0], shape[4]) == (batch, self.filter.type.shape[3])
        self.check(fits, f"{self.input.type} and {self.filter.type} make no {shape}")
        verify_bias(self, self.bias, shape[4])
        verify_activation(self, self.fused_activation_function)

    def reference(
        self, output_shape: Array, filter: Array, input: Array, bias: Array | None = None
    ) -> Array:
        n, *size, out = self.infer().shape
        given = input.shape[1:4]
        d, h, w = given
        axes = list(
            zip(given, self.kernel, self.stride, self.dilation, size, self.crop, strict=True)
        )
        full = [max((e - 1) * s + (k - 1) * a + 1, z + c) for e, k, s, a, z, c in axes]
        total = np.zeros((n, *full, out), np.float32)
        for tap, start in places(self):
            strided(total, start, (d, h, w), self.stride)[...] += input @ filter[tap].T
        x, y, z = (slice(c, c + e) for c, e in zip(self.crop, size, strict=True))
        made = total[:, x, y, z]
        if bias is not None:
            made = made + bias
        return activate(self.fused_activation_function, made.astype(input.dtype, copy=False))

    def macs(self) -> int:
        return self.input.type.size // self.input.type.shape[4] * self.filter.type.size

    @classmethod
    def samples(cls) -> Iterator[Conv3DTranspose]:
        for shape, kernel, stride, pads in (
            ((1, 4, 6, 6, 3), (2, 2, 3), 2, "SAME"),
            ((1, 5, 5, 7, 3), (3, 1, 3), 2, "VALID"),
        ):
            yield cls(
                output_shape=constant(list(shape), "output_shape"),
                filter=weights(*kernel, 3, 2),
                input=runtime(1, 2, 3, 3, 2),
                bias=weights(3),
                padding=pads,
                stride_d=stride,
                stride_h=stride,
                stride_w=stride,
            )
