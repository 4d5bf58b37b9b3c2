"""MediaPipe's custom op Convolution2DTransposeBias."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any

from tflgpuc.ir.errors import ModelError
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime, weights
from tflgpuc.ir.graph.spatial import Pair, same_padding, transposed, verify_bias
from tflgpuc.ir.graph.types import TensorType

# TfLiteTransposeConvParams: padding (2 is VALID, 1 SAME), stride_width, stride_height.
PARAMS = struct.Struct("<iii")


class Convolution2DTransposeBias(
    Op, name="tfl.convolution_2d_transpose_bias", tflite="CUSTOM:Convolution2DTransposeBias"
):
    """A transposed convolution with bias whose output size follows from the input's.

    ``filter`` is [out, kh, kw, in]. The full result of (in - 1) * stride + k is kept under VALID;
    SAME crops it by the padding that a convolution over the *input* would have, which leaves
    in * stride where the stride divides the input and the kernel isn't smaller than the stride.
    """

    input: Value
    filter: Value
    bias: Value
    padding: str = "SAME"
    stride_w: int = 1
    stride_h: int = 1

    @property
    def kernel(self) -> Pair:
        """Height and width of the filter."""
        _, h, w, _ = self.filter.type.shape
        return h, w

    @property
    def stride(self) -> Pair:
        """Vertical and horizontal distance of two input pixels in the output."""
        return self.stride_h, self.stride_w

    @property
    def crop(self) -> Pair:
        """Rows and columns dropped above and left of the output."""
        return self._cropped(0)[0], self._cropped(1)[0]

    def _cropped(self, side: int) -> Pair:
        """What is dropped before and after the output along height (0) or width (1)."""
        if self.padding == "VALID":
            return 0, 0
        return same_padding(self.input.type.shape[1 + side], self.kernel[side], self.stride[side])

    def infer(self) -> TensorType:
        n, *extents, _ = self.input.type.shape
        h, w = (
            (extents[i] - 1) * self.stride[i] + self.kernel[i] - sum(self._cropped(i))
            for i in range(2)
        )
        return TensorType(self.input.type.dtype, (n, h, w, self.filter.type.shape[0]))

    def verify(self) -> None:
        self.check(self.input.type.rank == 4, f"input must be NHWC, not {self.input.type}")
        self.check(self.filter.type.rank == 4, f"filter must be OHWI, not {self.filter.type}")
        self.check(self.padding in ("SAME", "VALID"), f"no such padding: {self.padding}")
        self.check(min(self.stride) >= 1, f"strides {self.stride} must be positive")
        out, _, _, channels = self.filter.type.shape
        given = self.input.type.shape[3]
        self.check(channels == given, f"{given} input channels, but filter {self.filter.type}")
        verify_bias(self, self.bias, out)

    def reference(self, input: Array, filter: Array, bias: Array) -> Array:
        _, h, w, _ = self.infer().shape
        made = transposed(input, filter, self.stride, self.crop, (h, w)) + bias.ravel()
        return made.astype(input.dtype, copy=False)

    @classmethod
    def from_tflite(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        packed = bytes(options.get("custom_options") or b"")
        if len(packed) < PARAMS.size:
            raise ModelError(f"Convolution2DTransposeBias: {len(packed)} bytes of custom options")
        padding, stride_w, stride_h = PARAMS.unpack_from(packed)
        # MediaPipe's kernel crops only under SAME: an unknown padding runs as VALID.
        return {
            "padding": "SAME" if padding == 1 else "VALID",
            "stride_w": stride_w,
            "stride_h": stride_h,
        }

    def to_tflite(self) -> Mapping[str, Any]:
        padding = {"SAME": 1, "VALID": 2}[self.padding]
        return {"custom_options": PARAMS.pack(padding, self.stride_w, self.stride_h)}

    def macs(self) -> int:
        out, kh, kw, _ = self.filter.type.shape
        return self.input.type.size * kh * kw * out

    @classmethod
    def samples(cls) -> Iterator[Convolution2DTransposeBias]:
        for shape, kernel, stride, padding in (
            ((1, 4, 4, 4), (2, 2), 2, "SAME"),
            ((2, 4, 6, 3), (3, 3), 2, "SAME"),
            ((1, 3, 5, 1), (4, 3), 2, "SAME"),
            ((1, 3, 4, 5), (3, 2), 2, "VALID"),
            ((1, 4, 3, 3), (3, 3), 1, "SAME"),
        ):
            out = shape[3] + 2
            yield cls(
                input=runtime(*shape),
                filter=weights(out, *kernel, shape[3]),
                bias=weights(out, name="bias"),
                padding=padding,
                stride_w=stride,
                stride_h=stride,
            )
