"""Windows that slide over depth, height and width."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.spatial import reach, same_padding

Triple = tuple[int, int, int]


class Volumetric(Protocol):
    """An op with a window over three axes; every triple is depth, height, width."""

    @property
    def input(self) -> Value: ...
    @property
    def padding(self) -> str: ...
    @property
    def kernel(self) -> Triple: ...
    @property
    def stride(self) -> Triple: ...
    @property
    def dilation(self) -> Triple: ...
    def check(self, condition: bool, message: str) -> None: ...


def padding(op: Volumetric, extents: tuple[int, ...]) -> list[tuple[int, int]]:
    """Zeros before and after, an axis each, around a volume of these extents."""
    if op.padding == "VALID":
        return [(0, 0)] * 3
    axes = zip(extents, op.kernel, op.stride, op.dilation, strict=True)
    return [same_padding(*axis) for axis in axes]


def output_size(op: Volumetric) -> Triple:
    """Depth, height and width of what a window makes."""
    extents = op.input.type.shape[1:4]
    axes = zip(extents, op.kernel, op.stride, op.dilation, padding(op, extents), strict=True)
    d, h, w = ((e + sum(p) - reach(k, n)) // s + 1 for e, k, s, n, p in axes)
    return d, h, w


def verify_volume(op: Volumetric) -> None:
    """Checks the window, whatever it is for."""
    op.check(op.input.type.rank == 5, f"input must be NDHWC, not {op.input.type}")
    op.check(op.padding in ("SAME", "VALID"), f"no such padding: {op.padding}")
    op.check(min(op.kernel) >= 1, f"empty window {op.kernel}")
    op.check(min(op.stride) >= 1, f"strides {op.stride} must be positive")
    op.check(min(op.dilation) >= 1, f"dilations {op.dilation} must be positive")


def places(op: Volumetric) -> list[tuple[Triple, Triple]]:
    """Each tap of the kernel, and how far from the window's start it reads."""
    return [
        ((i, j, k), (i * op.dilation[0], j * op.dilation[1], k * op.dilation[2]))
        for i, j, k in np.ndindex(op.kernel)
    ]


def strided(array: Array, start: Triple, size: Triple, stride: Triple) -> Array:
    """Every stride-th voxel from ``start`` on, ``size`` of them."""
    cut = tuple(
        slice(a, a + (n - 1) * s + 1, s) for a, n, s in zip(start, size, stride, strict=True)
    )
    return array[:, cut[0], cut[1], cut[2]]
