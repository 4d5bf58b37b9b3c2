"""Windows that slide over height and width: padding, output sizes, and what references share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from tflgpuc.ir.graph.activation import ACTIVATIONS
from tflgpuc.ir.graph.op import Array, Op, Value

Pair = tuple[int, int]
Pads = tuple[int, int, int, int]


class Windowed(Protocol):
    """An op with a window; every pair is height, width."""

    @property
    def input(self) -> Value: ...
    @property
    def padding(self) -> str: ...
    @property
    def pads(self) -> Pads | None: ...
    @property
    def kernel(self) -> Pair: ...
    @property
    def stride(self) -> Pair: ...
    @property
    def dilation(self) -> Pair: ...
    def check(self, condition: bool, message: str) -> None: ...


def reach(kernel: int, dilation: int) -> int:
    """Elements from a dilated kernel's first tap to its last."""
    return (kernel - 1) * dilation + 1


def same_padding(extent: int, kernel: int, stride: int, dilation: int = 1) -> Pair:
    """Padding before and after so that ceil(extent / stride) windows fit; an odd one goes after."""
    windows = -(-extent // stride)
    total = max((windows - 1) * stride + reach(kernel, dilation) - extent, 0)
    return total // 2, total - total // 2


def window(op: Windowed) -> Pads:
    """The padding around the input: top, bottom, left, right."""
    if op.padding == "EXPLICIT":
        assert op.pads is not None
        return op.pads
    if op.padding == "VALID":
        return 0, 0, 0, 0
    _, h, w, _ = op.input.type.shape
    (kh, kw), (sh, sw), (dh, dw) = op.kernel, op.stride, op.dilation
    return *same_padding(h, kh, sh, dh), *same_padding(w, kw, sw, dw)


def output_size(op: Windowed) -> Pair:
    """Height and width of the result."""
    top, bottom, left, right = window(op)
    _, h, w, _ = op.input.type.shape
    (kh, kw), (sh, sw), (dh, dw) = op.kernel, op.stride, op.dilation
    return (h + top + bottom - reach(kh, dh)) // sh + 1, (
        w + left + right - reach(kw, dw)
    ) // sw + 1


def verify_window(op: Windowed) -> None:
    """Checks what every windowed op needs; shapes of filters are left to the op."""
    op.check(op.input.type.rank == 4, f"input must be NHWC, not {op.input.type}")
    op.check(op.padding in ("SAME", "VALID", "EXPLICIT"), f"no such padding: {op.padding}")
    op.check((op.pads is not None) == (op.padding == "EXPLICIT"), "pads go with EXPLICIT padding")
    op.check(min(op.pads or (0,)) >= 0, f"negative padding {op.pads}")
    op.check(min(op.kernel) >= 1, f"empty window {op.kernel}")
    op.check(min(op.stride) >= 1, f"strides {op.stride} must be positive")
    op.check(min(op.dilation) >= 1, f"dilations {op.dilation} must be positive")
    op.check(min(output_size(op)) >= 1, f"a window of {op.kernel} does not fit {op.input.type}")


def verify_activation(op: Op, activation: str) -> None:
    """Checks that ``activation`` is one that TFLite can fuse."""
    op.check(activation in ACTIVATIONS, f"no such activation: {activation}")


def verify_bias(op: Op, bias: Value | None, channels: int) -> None:
    """Checks that a bias, where there is one, has an element for each output channel."""
    if bias is not None:
        op.check(bias.type.size == channels, f"bias {bias.type} for {channels} channels")


def taps(op: Windowed, array: Array, fill: float | int = 0) -> Iterator[tuple[int, int, Array]]:
    """Each kernel row and column with what it reads for every output: (n, out_h, out_w, c)."""
    top, bottom, left, right = window(op)
    padded = np.pad(array, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    (h, w), (kh, kw), (sh, sw), (dh, dw) = output_size(op), op.kernel, op.stride, op.dilation
    for i in range(kh):
        for j in range(kw):
            y, x = i * dh, j * dw
            yield i, j, padded[:, y : y + (h - 1) * sh + 1 : sh, x : x + (w - 1) * sw + 1 : sw]


def transposed(array: Array, filter: Array, stride: Pair, crop: Pair, size: Pair) -> Array:
    """Each input pixel times an [O, kh, kw, I] filter, added up ``stride`` apart.

    ``crop`` rows and columns are dropped before the first output, which has ``size`` of them.
    """
    n, h, w, _ = array.shape
    out, kh, kw, _ = filter.shape
    (sh, sw), (top, left) = stride, crop
    rows = max((h - 1) * sh + kh, top + size[0])
    columns = max((w - 1) * sw + kw, left + size[1])
    full = np.zeros((n, rows, columns, out), array.dtype)
    flat = array.reshape(n * h * w, -1)
    for i in range(kh):
        for j in range(kw):
            spread = full[:, i : i + (h - 1) * sh + 1 : sh, j : j + (w - 1) * sw + 1 : sw]
            spread += (flat @ filter[:, i, j].T).reshape(n, h, w, out)
    return full[:, top : top + size[0], left : left + size[1]]
