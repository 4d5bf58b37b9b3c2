"""What no TFLite file can say of windowed ops, MediaPipe's custom op, and what verifiers refuse."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest

from tflgpuc.ir.errors import ModelError, VerifyError
from tflgpuc.ir.graph.op import NotStatic, Op
from tflgpuc.ir.graph.ops.average_pool_2d import AveragePool2D
from tflgpuc.ir.graph.ops.batch_matmul import BatchMatmul
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.convolution_2d_transpose_bias import Convolution2DTransposeBias
from tflgpuc.ir.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tflgpuc.ir.graph.ops.fully_connected import FullyConnected
from tflgpuc.ir.graph.ops.max_pool_2d import MaxPool2D
from tflgpuc.ir.graph.ops.mean import Mean
from tflgpuc.ir.graph.ops.prelu import Prelu
from tflgpuc.ir.graph.ops.resize_bilinear import ResizeBilinear
from tflgpuc.ir.graph.ops.transpose_conv import TransposeConv
from tflgpuc.ir.graph.sampling import constant, runtime, weights
from tflgpuc.ir.graph.spatial import output_size, window

IMAGE = runtime(1, 6, 5, 3)


@pytest.mark.parametrize(
    ("extent", "kernel", "stride", "dilation", "before", "after"),
    [(6, 3, 1, 1, 1, 1), (6, 3, 2, 1, 0, 1), (7, 3, 2, 1, 1, 1), (6, 2, 1, 1, 0, 1),
     (5, 1, 2, 1, 0, 0), (6, 3, 1, 2, 2, 2), (6, 4, 1, 1, 1, 2)],
)  # fmt: skip
def test_same_padding_puts_the_odd_one_after(
    extent: int, kernel: int, stride: int, dilation: int, before: int, after: int
) -> None:
    conv = Conv2D(
        input=runtime(1, extent, 1, 3),
        filter=weights(4, kernel, 1, 3),
        stride_h=stride,
        dilation_h_factor=dilation,
    )
    assert window(conv) == (before, after, 0, 0)
    assert output_size(conv) == (-(-extent // stride), 1)


@pytest.mark.parametrize(
    "valid",
    [
        Conv2D(input=IMAGE, filter=weights(4, 3, 2, 3), padding="VALID", stride_w=2),
        DepthwiseConv2D(input=IMAGE, filter=weights(1, 3, 3, 3), padding="VALID", stride_h=2),
    ],
)
def test_explicit_padding_is_zeros_around_the_input(valid: Conv2D | DepthwiseConv2D) -> None:
    array = np.random.default_rng(0).standard_normal(IMAGE.type.shape).astype(np.float32)
    padded = np.pad(array, ((0, 0), (1, 2), (0, 3), (0, 0)))
    explicit = replace(valid, padding="EXPLICIT", pads=(1, 2, 0, 3))
    explicit.verify()
    around = replace(valid, input=runtime(*padded.shape))
    taps = valid.filter.static("filter")
    np.testing.assert_array_equal(explicit.reference(array, taps), around.reference(padded, taps))


def test_pools_never_see_the_padding() -> None:
    array = np.full(IMAGE.type.shape, -2, np.float32)
    for cls in (AveragePool2D, MaxPool2D):
        pool = cls(
            input=IMAGE, filter_height=3, filter_width=3, padding="EXPLICIT", pads=(2, 0, 1, 2)
        )
        pool.verify()
        assert pool.result.type.shape == (1, 6, 6, 3)
        np.testing.assert_array_equal(pool.reference(array), np.full((1, 6, 6, 3), -2))


def test_mediapipes_op_is_a_transposed_convolution_with_bias() -> None:
    custom = Convolution2DTransposeBias(
        input=runtime(1, 4, 6, 3),
        filter=weights(5, 3, 4, 3),
        bias=weights(5),
        stride_h=2,
        stride_w=2,
    )
    assert custom.result.type.shape == (1, 8, 12, 5)
    builtin = TransposeConv(
        output_shape=constant([1, 8, 12, 5]),
        weights=custom.filter,
        input=custom.input,
        bias=custom.bias,
        stride_h=2,
        stride_w=2,
    )
    builtin.verify()
    array = np.random.default_rng(0).standard_normal((1, 4, 6, 3)).astype(np.float32)
    taps, bias = custom.filter.static("filter"), custom.bias.static("bias")
    np.testing.assert_array_equal(
        custom.reference(array, taps, bias),
        builtin.reference(np.zeros(4, np.int32), taps, array, bias),
    )


def test_mediapipes_op_crops_by_the_inputs_padding() -> None:
    custom = Convolution2DTransposeBias(
        input=runtime(1, 7, 3, 3), filter=weights(1, 3, 5, 3), bias=weights(1), stride_h=2
    )
    assert custom.crop == (1, 2)
    assert custom.result.type.shape == (1, 13, 3, 1)
    assert replace(custom, padding="VALID").result.type.shape == (1, 15, 7, 1)


@pytest.mark.parametrize(("code", "padding"), [(1, "SAME"), (2, "VALID"), (0, "VALID")])
def test_mediapipes_options_are_a_packed_struct(code: int, padding: str) -> None:
    packed = struct.pack("<iii", code, 3, 2) + b"more"
    read = Convolution2DTransposeBias.from_tflite({"custom_options": packed})
    assert read == {"padding": padding, "stride_w": 3, "stride_h": 2}


def test_mediapipes_options_may_not_be_cut_short() -> None:
    with pytest.raises(ModelError, match="8 bytes of custom options"):
        Convolution2DTransposeBias.from_tflite({"custom_options": bytes(8)})


def test_integer_means_round_towards_zero() -> None:
    mean = Mean(input=runtime(2, 2, dtype="i32"), axis=constant([-1]))
    made = mean.reference(np.array([[-1, -2], [1, 2]], np.int32), np.array([-1]))
    assert made.tolist() == [-1, 1] and made.dtype == np.int32


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (Conv2D(input=runtime(6, 5, 3), filter=weights(4, 1, 1, 3)), "must be NHWC, not 6x5x3xf32"),
        (Conv2D(input=IMAGE, filter=weights(4, 1, 1, 2)), "3 input channels are no multiple"),
        (Conv2D(input=runtime(1, 6, 5, 4), filter=weights(5, 1, 1, 2)), "do not make 2 groups"),
        (Conv2D(input=IMAGE, filter=weights(4, 7, 1, 3), padding="VALID"), "does not fit"),
        (Conv2D(input=IMAGE, filter=weights(4, 1, 1, 3), padding="EXPLICIT"), "pads go with"),
        (Conv2D(input=IMAGE, filter=weights(4, 1, 1, 3), bias=weights(3)), "for 4 channels"),
        (Conv2D(input=IMAGE, filter=weights(4, 1, 1, 3), stride_h=0), "must be positive"),
        (
            Conv2D(input=IMAGE, filter=weights(4, 1, 1, 3), fused_activation_function="ELU"),
            "no such activation: ELU",
        ),
        (DepthwiseConv2D(input=IMAGE, filter=weights(1, 3, 3, 4)), "no multiple of the input's 3"),
        (
            DepthwiseConv2D(input=IMAGE, filter=weights(1, 3, 3, 6), depth_multiplier=3),
            "depth_multiplier 3, but shapes make it 2",
        ),
        (
            TransposeConv(
                output_shape=constant([1, 9, 5, 2]), weights=weights(2, 1, 1, 3), input=IMAGE
            ),
            "9 outputs of axis 1 do not go with 6 inputs",
        ),
        (MaxPool2D(input=IMAGE, padding="EXPLICIT", pads=(1, 0, 0, 0)), "empty"),
        (FullyConnected(input=IMAGE, weights=weights(2, 7)), "makes no rows of 7"),
        (Mean(input=IMAGE, axis=constant([4])), "axis 4 of 1x6x5x3xf32"),
        (Prelu(input=IMAGE, alpha=weights(5)), "does not broadcast"),
        (BatchMatmul(x=runtime(2, 3, 4), y=runtime(2, 5, 4)), "sums of 4 and of 5"),
        (BatchMatmul(x=runtime(2, 3, 4), y=runtime(3, 4, 5)), "do not broadcast"),
        (
            ResizeBilinear(
                input=IMAGE, size=constant([2, 2]), align_corners=True, half_pixel_centers=True
            ),
            "exclude each other",
        ),
    ],
)
def test_verifier_says_what_is_wrong(op: Op, message: str) -> None:
    with pytest.raises(VerifyError, match=message):
        op.verify()


def test_an_axis_computed_at_run_time_is_refused_by_name() -> None:
    with pytest.raises(NotStatic, match="axis is computed at run time"):
        Mean(input=IMAGE, axis=runtime(1, dtype="i32")).infer()
