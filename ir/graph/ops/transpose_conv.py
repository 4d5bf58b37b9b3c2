"""TRANSPOSE_CONV."""

from __future__ import annotations

from collections.abc import Iterator

from tflgpuc.ir.graph.activation import activate
from tflgpuc.ir.graph.axes import static_ints
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import constant, runtime, weights
from tflgpuc.ir.graph.spatial import (
    Pair,
    same_padding,
    transposed,
    verify_activation,
    verify_bias,
)
from tflgpuc.ir.graph.types import TensorType


class TransposeConv(Op, name="tfl.transpose_conv", tflite="TRANSPOSE_CONV"):
    """The gradient of a convolution: out[y * stride - crop + ky] += in[y] * weights[ky].

    ``weights`` are [out, kh, kw, in]; ``output_shape`` is a constant NHWC shape. Under SAME the
    result is cropped by the padding that a convolution over the output would have; what falls
    outside of the output is dropped.
    """

    output_shape: Value
    weights: Value
    input: Value
    bias: Value | None = None
    padding: str = "SAME"
    stride_w: int = 1
    stride_h: int = 1
    fused_activation_function: str = "NONE"

    @property
    def kernel(self) -> Pair:
        """Height and width of the weights."""
        _, h, w, _ = self.weights.type.shape
        return h, w

    @property
    def stride(self) -> Pair:
        """Vertical and horizontal distance of two input pixels in the output."""
        return self.stride_h, self.stride_w

    @property
    def crop(self) -> Pair:
        """Rows and columns dropped above and left of the output."""
        if self.padding == "VALID":
            return 0, 0
        _, h, w, _ = self.infer().shape
        (kh, kw), (sh, sw) = self.kernel, self.stride
        return same_padding(h, kh, sh)[0], same_padding(w, kw, sw)[0]

    def infer(self) -> TensorType:
        return TensorType(self.input.type.dtype, static_ints(self.output_shape, "output_shape"))

    def verify(self) -> None:
        self.check(self.input.type.rank == 4, f"input must be NHWC, not {self.input.type}")
        self.check(self.weights.type.rank == 4, f"weights must be OHWI, not {self.weights.type}")
        self.check(self.padding in ("SAME", "VALID"), f"no such padding: {self.padding}")
        self.check(min(self.stride) >= 1, f"strides {self.stride} must be positive")
        out, _, _, channels = self.weights.type.shape
        n, _, _, given = self.input.type.shape
        self.check(channels == given, f"{given} input channels, but weights {self.weights.type}")
        made = self.infer().shape
        self.check(len(made) == 4 and min(made) >= 1, f"output_shape {made} must be NHWC")
        self.check(made[0] == n, f"output_shape {made} for a batch of {n}")
        self.check(made[3] == out, f"output_shape {made} for weights {self.weights.type}")
        self._verify_size()
        verify_bias(self, self.bias, out)
        verify_activation(self, self.fused_activation_function)

    def _verify_size(self) -> None:
        """Checks that a convolution over the output would give the input's height and width."""
        for axis, kernel, stride in zip((1, 2), self.kernel, self.stride, strict=True):
            given, made = self.input.type.shape[axis], self.infer().shape[axis]
            reached = made if self.padding == "SAME" else made - kernel + 1
            self.check(
                -(-reached // stride) == given,
                f"{made} outputs of axis {axis} do not go with {given} inputs",
            )

    def reference(
        self, output_shape: Array, weights: Array, input: Array, bias: Array | None = None
    ) -> Array:
        _, h, w, _ = self.infer().shape
        made = transposed(input, weights, self.stride, self.crop, (h, w))
        if bias is not None:
            made = made + bias.ravel()
        return activate(self.fused_activation_function, made.astype(input.dtype, copy=False))

    def macs(self) -> int:
        out, kh, kw, _ = self.weights.type.shape
        return self.input.type.size * kh * kw * out

    @classmethod
    def samples(cls) -> Iterator[TransposeConv]:
        for shape, size, kernel, stride, padding in (
            ((1, 4, 3, 4), (8, 6), (2, 2), (2, 2), "SAME"),
            ((2, 3, 4, 3), (6, 8), (3, 3), (2, 2), "SAME"),
            ((1, 3, 4, 5), (5, 7), (3, 3), (2, 2), "SAME"),
            ((1, 3, 4, 1), (7, 9), (3, 3), (2, 2), "VALID"),
            ((1, 3, 4, 3), (6, 12), (4, 4), (2, 3), "SAME"),
            ((1, 4, 4, 3), (4, 4), (3, 3), (1, 1), "SAME"),
        ):
            out = shape[3] + 1
            yield cls(
                output_shape=constant([shape[0], *size, out], "output_shape"),
                weights=weights(out, *kernel, shape[3]),
                input=runtime(*shape),
                bias=weights(out, name="bias") if stride == (2, 2) else None,
                padding=padding,
                stride_h=stride[0],
                stride_w=stride[1],
                fused_activation_function="RELU" if padding == "VALID" else "NONE",
            )
