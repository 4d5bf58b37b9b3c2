"""Random operators that add up or compare many elements, for random graphs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from support.random_elementwise import RELUS
from support.random_graphs import Builder, Fact
from support.random_movement import axis_of
from tflgpuc.ir.graph.op import TFLITE_OPS, Value
from tflgpuc.ir.graph.types import TensorType

# Operands of sums stay small: errors go with the terms, the tolerance with the result.
SMALL: dict[str, Any] = {"low": -8.0, "high": 8.0}
PADDINGS = ("SAME", "VALID")


def image(b: Builder, fits: Callable[[TensorType], bool] = lambda t: True) -> Value:
    """An NHWC value."""
    return b.value(rank=(4, 4), shape=b.image, fits=fits, **SMALL)


def weights(b: Builder, *shape: int) -> Value:
    """Constant weights whose sums stay about as large as what they multiply."""
    most = 2 / math.sqrt(math.prod(shape[1:]) or 1)
    return b.constant(b.data(shape, -most, most))


def bias(b: Builder, channels: int) -> Value:
    """A constant bias."""
    return b.constant(b.data((channels,), -1, 1))


def summed(b: Builder, x: Value, filter: Value, axes: tuple[int, ...]) -> Fact:
    """The interval of products of a value and weights, added up along the weights' axes, plus 1."""
    assert filter.constant is not None
    largest = float(np.abs(filter.constant).sum(axes).max()) * b.facts[x].bound + 1
    return Fact(-largest, largest, False)


def window(b: Builder, x: Value, dilated: bool = True) -> tuple[dict[str, Any], tuple[int, int]]:
    """Attributes of a window that fits the value, and its height and width."""
    padding = b.choice(PADDINGS)
    _, h, w, _ = x.type.shape
    found: dict[str, Any] = {"padding": padding}
    kernel = []
    for side, extent in (("h", h), ("w", w)):
        factor = b.integer(1, 3) if dilated else 1
        most = (extent - 1) // factor + 1 if padding == "VALID" else 4
        kernel.append(b.integer(1, min(4, most)))
        found[f"stride_{side}"] = b.integer(1, 3)
        if dilated:
            found[f"dilation_{side}_factor"] = factor
    return found, (kernel[0], kernel[1])


def conv_2d(b: Builder) -> None:
    """CONV_2D, now and then in groups."""
    x = image(b)
    depth = x.type.shape[3]
    groups = b.choice([d for d in range(1, depth + 1) if depth % d == 0])
    out = groups * b.integer(1, 6)
    attributes, (kh, kw) = window(b, x)
    filter = weights(b, out, kh, kw, depth // groups)
    fused = b.choice(RELUS)
    op = TFLITE_OPS["CONV_2D"](
        input=x, filter=filter, bias=bias(b, out), fused_activation_function=fused, **attributes
    )
    b.emit(op, summed(b, x, filter, (1, 2, 3)))


def depthwise_conv_2d(b: Builder) -> None:
    """DEPTHWISE_CONV_2D."""
    x = image(b)
    multiplier = b.integer(1, 3)
    out = x.type.shape[3] * multiplier
    attributes, (kh, kw) = window(b, x)
    filter = weights(b, 1, kh, kw, out)
    op = TFLITE_OPS["DEPTHWISE_CONV_2D"](
        input=x,
        filter=filter,
        bias=bias(b, out),
        depth_multiplier=multiplier,
        fused_activation_function=b.choice(RELUS),
        **attributes,
    )
    b.emit(op, summed(b, x, filter, (1, 2)))


def transpose_conv(b: Builder) -> None:
    """TRANSPOSE_CONV."""
    x = image(b, fits=lambda t: t.size <= 200)
    n, h, w, depth = x.type.shape
    out, padding = b.integer(1, 6), b.choice(PADDINGS)
    (kh, kw), (sh, sw) = [(b.integer(1, 4), b.integer(1, 4)), (b.integer(1, 3), b.integer(1, 3))]
    if padding == "SAME":
        size = h * sh - b.integer(0, sh - 1), w * sw - b.integer(0, sw - 1)
    else:
        size = (h - 1) * sh + max(kh, sh), (w - 1) * sw + max(kw, sw)
    filter = weights(b, out, kh, kw, depth)
    op = TFLITE_OPS["TRANSPOSE_CONV"](
        output_shape=b.constant([n, *size, out]),
        weights=filter,
        input=x,
        bias=bias(b, out) if b.flag() else None,
        padding=padding,
        stride_w=sw,
        stride_h=sh,
    )
    b.emit(op, summed(b, x, filter, (1, 2, 3)))


def pool(name: str) -> Callable[[Builder], None]:
    """A maker of a pooling op."""

    def make(b: Builder) -> None:
        x = image(b)
        attributes, (kh, kw) = window(b, x, dilated=False)
        op = TFLITE_OPS[name](
            input=x,
            filter_height=kh,
            filter_width=kw,
            fused_activation_function=b.choice(RELUS),
            **attributes,
        )
        fact = b.facts[x]
        exact = name == "MAX_POOL_2D" and fact.exact
        bound = fact.bound
        b.emit(op, Fact(-bound, bound, exact))

    return make


def resize(name: str) -> Callable[[Builder], None]:
    """A maker of a resizing op."""

    def make(b: Builder) -> None:
        x = image(b)
        size = b.constant([b.integer(1, 12), b.integer(1, 12)])
        corners, half = b.choice(((False, False), (True, False), (False, True)))
        op = TFLITE_OPS[name](input=x, size=size, align_corners=corners, half_pixel_centers=half)
        fact = b.facts[x]
        b.emit(op, Fact(fact.low, fact.high, fact.exact and name == "RESIZE_NEAREST_NEIGHBOR"))

    return make


def fully_connected(b: Builder) -> None:
    """FULLY_CONNECTED, whose weights may be computed at run time."""
    x = b.value(rank=(1, 4), **SMALL)
    depth, out = x.type.shape[-1], b.integer(1, 9)
    constant = b.choice((True, True, False))
    filter = weights(b, out, depth) if constant else b.input("f32", (out, depth), -0.5, 0.5)
    op = TFLITE_OPS["FULLY_CONNECTED"](
        input=x,
        weights=filter,
        bias=bias(b, out) if b.flag() else None,
        fused_activation_function=b.choice(RELUS),
        keep_num_dims=b.flag(),
    )
    bound = b.facts[x].bound * depth + 1
    b.emit(op, summed(b, x, filter, (1,)) if constant else Fact(-bound, bound, False))


def batch_matmul(b: Builder) -> None:
    """BATCH_MATMUL of two values whose leading axes broadcast."""
    x = b.value(rank=(2, 4), **SMALL)
    adj_x, adj_y = b.flag(), b.flag()
    *front, rows, depth = x.type.shape
    depth = rows if adj_x else depth
    columns = b.integer(1, 6)
    last = [columns, depth] if adj_y else [depth, columns]
    cut = front[b.integer(0, len(front)) :]
    shape = (*(1 if b.flag() else n for n in cut), *last)
    y = b.input("f32", shape, -1, 1) if b.flag() else b.constant(b.data(shape, -1, 1))
    bound = b.facts[x].bound * depth
    op = TFLITE_OPS["BATCH_MATMUL"](x=x, y=y, adj_x=adj_x, adj_y=adj_y)
    b.emit(op, Fact(-bound, bound, False))


def reduction(name: str) -> Callable[[Builder], None]:
    """A maker of a reduction."""
    logical = name in ("REDUCE_ANY", "REDUCE_ALL")

    def make(b: Builder) -> None:
        dtype = "bool" if logical else b.choice(("f32", "f32", "i32"))
        bounds = {"low": -1.0, "high": 1.0} if name == "REDUCE_PROD" else SMALL
        x = b.value(dtype, rank=(1, 4), **bounds)
        axes = [i - x.type.rank if b.flag() else i for i in range(x.type.rank) if b.flag()]
        axes = axes or [axis_of(b, x.type.rank)]
        keep = b.flag()
        op = TFLITE_OPS[name](input=x, axis=b.constant(axes), keep_dims=keep)
        fact = b.facts[x]
        if name == "SUM":
            fact = Fact(-x.type.size * fact.bound, x.type.size * fact.bound)
        chosen = name in ("REDUCE_MAX", "REDUCE_MIN") or dtype != "f32"
        b.emit(op, Fact(fact.low, fact.high, fact.exact and chosen))

    return make


def softmax(b: Builder) -> None:
    """SOFTMAX."""
    x = b.value(rank=(1, 4), **SMALL)
    b.emit(TFLITE_OPS["SOFTMAX"](input=x, beta=b.choice((1.0, 0.5, 2.0))), Fact(0, 1, False))


def log_softmax(b: Builder) -> None:
    """LOG_SOFTMAX."""
    x = b.value(rank=(1, 4), **SMALL)
    b.emit(TFLITE_OPS["LOG_SOFTMAX"](input=x), Fact(-30, 0, False))


def l2_normalization(b: Builder) -> None:
    """L2_NORMALIZATION of exact values: small ones amplify errors."""
    x = b.value(rank=(1, 4), exact=True, **SMALL)
    b.emit(TFLITE_OPS["L2_NORMALIZATION"](input=x), Fact(-1, 1, False))


def local_response_normalization(b: Builder) -> None:
    """LOCAL_RESPONSE_NORMALIZATION."""
    x = image(b)
    op = TFLITE_OPS["LOCAL_RESPONSE_NORMALIZATION"](
        input=x,
        radius=b.integer(0, 5),
        bias=b.choice((1.0, 2.0)),
        alpha=b.choice((1.0, 0.25)),
        beta=b.choice((0.5, 0.75, 1.0)),
    )
    bound = b.facts[x].bound
    b.emit(op, Fact(-bound, bound, False))


REDUCTIONS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "REDUCE_ANY", "REDUCE_ALL")
POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D")
SUMS: dict[str, Callable[[Builder], None]] = {
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "TRANSPOSE_CONV": transpose_conv,
    **{name: pool(name) for name in POOLS},
    **{name: resize(name) for name in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")},
    "FULLY_CONNECTED": fully_connected,
    "BATCH_MATMUL": batch_matmul,
    **{name: reduction(name) for name in REDUCTIONS},
    "SOFTMAX": softmax,
    "LOG_SOFTMAX": log_softmax,
    "L2_NORMALIZATION": l2_normalization,
    "LOCAL_RESPONSE_NORMALIZATION": local_response_normalization,
}
