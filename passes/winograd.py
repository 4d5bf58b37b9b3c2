"""Computes 3x3 convolutions by Winograd's method where that is estimated to be faster."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tflgpuc.backends.kernels.constants import is_byte_weights
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.ops.winograd_input import WinogradInput
from tflgpuc.ir.graph.ops.winograd_output import WinogradOutput
from tflgpuc.ir.graph.ops.winograd_product import WinogradProduct
from tflgpuc.ir.graph.spatial import window
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.graph.winograd import OUTPUTS, POINTS, TAPS, transformed_filter
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass, untold
from tflgpuc.passes.choice import compared
from tflgpuc.passes.fuse import wrapped
from tflgpuc.passes.rules import Match, Rules, Tracer

# Convolutions of fewer channels on either side spend more on the transforms than they save.
CHANNELS = 8


class Winograd(GraphPass, name="winograd"):
    """Computes 3x3 convolutions by Winograd's method where that is estimated to be faster."""

    tracer: Tracer | None = untold()

    def run(self, graph: Graph, target: Target) -> Graph:
        return Rules("winograd", [(Fused, by_winograd)]).apply(graph, target, self.tracer)


def by_winograd(op: Fused, match: Match) -> Op | None:
    """A convolution as transforms of tiles with a matrix product in between."""
    root = op.root
    if not isinstance(root, Conv2D):
        return None
    reason = _refusal(op, root, match.target)
    if reason is not None:
        return match.no(reason)
    # The product's filter costs time to make, and estimates don't look at it.
    sketch = _steps(op, root, None)
    match.consider(op, *sketch)
    apart, together = compared(match.target, (op,), sketch)
    if together >= apart:
        return match.no(f"{1e6 * together:.0f} us that way, {1e6 * apart:.0f} us as it is")
    return _steps(op, root, transformed_filter(np.asarray(root.filter.static("filter"))))[-1]


def _refusal(op: Fused, root: Conv2D, target: Target) -> str | None:
    """Why a convolution isn't one that the method computes as well."""
    if root.kernel != (TAPS, TAPS) or root.stride != (1, 1) or root.dilation != (1, 1):
        return "its window isn't 3x3 of stride 1"
    if root.groups > 1 or root.filter.constant is None or is_byte_weights(root.filter):
        return "its groups have several channels, or its filter isn't known"
    if root.bias is not None and root.bias.constant is None:
        return "its bias is computed at run time"
    if root.filter.constant.dtype != np.float32 or op.half_weights:
        return "its filter isn't kept in f32"
    if op.types[0].dtype != "f32" or any(v.type.dtype == "f16" for v in op.inputs):
        return "halves would lose too much in the transforms"
    out, _, _, channels = root.filter.type.shape
    if min(out, channels) < CHANNELS:
        return "it has few channels"
    largest = max(v.type.bytes for v in (root.input, root.result))
    if largest * POINTS // OUTPUTS**2 * 2 > target.storage_bytes:
        return "a transformed image might not fit a buffer"
    return None


def _steps(op: Fused, root: Conv2D, filter: np.ndarray | None) -> tuple[Fused, Fused, Fused]:
    """The three dispatches; without a filter they serve for estimates only."""
    n, height, width, out = root.result.type.shape
    top, _, left, _ = window(root)
    rows, columns = -(-height // OUTPUTS), -(-width // OUTPUTS)
    channels = root.input.type.shape[3]
    tiles = WinogradInput(input=root.input, top=top, left=left, rows=rows, columns=columns)
    first = _before(op, tiles)
    shape = (POINTS, out, channels)
    data = np.broadcast_to(np.float32(0), shape) if filter is None else filter
    constant = Constant(data=data, type=TensorType("f32", shape))
    product = wrapped(WinogradProduct(input=first.result, filter=constant.result))
    product = replace(product, types=(_on_gpu(product.types[0]),))
    made = Value(product.result.type)
    last = WinogradOutput(input=made, bias=root.bias, batch=n, height=height, width=width)
    return first, product, _after(op, root, last, product.result, made)


def _on_gpu(type: TensorType) -> TensorType:
    return type.stored("f32", "phwc4", "zero")


def _before(op: Fused, root: WinogradInput) -> Fused:
    """The first dispatch: ``root``, with what the convolution computed where it read."""
    body = op.body
    ops = _needed((*op.prologue, root), body)
    read = {v for each in ops for v in each.operands}
    kept = [(o, i) for o, i in zip(op.inputs, body.inputs, strict=True) if i in read]
    return Fused(
        inputs=tuple(o for o, _ in kept),
        body=replace(body, inputs=tuple(i for _, i in kept), ops=ops, outputs=root.results),
        types=(_on_gpu(root.result.type),),
        before=op.before,
        sources=op.sources,
    )


def _after(op: Fused, root: Conv2D, last: WinogradOutput, product: Value, made: Value) -> Fused:
    """The last dispatch: ``last``, and the epilogue of the convolution."""
    body = op.body
    new = {root.result: last.result}
    after: list[Op] = [last]
    for old in op.epilogue:
        moved = old.with_operands(new)
        new.update(zip(old.results, moved.results, strict=True))
        after.append(moved)
    ops = _needed(tuple(after), body)
    read = {v for each in ops for v in each.operands}
    kept = [(o, i) for o, i in zip(op.inputs, body.inputs, strict=True) if i in read]
    return Fused(
        inputs=(product, *(o for o, _ in kept)),
        body=replace(
            body,
            inputs=(made, *(i for _, i in kept)),
            ops=ops,
            outputs=tuple(new.get(v, v) for v in body.outputs),
        ),
        types=op.types,
        sources=op.sources,
        names=op.names,
    )


def _needed(ops: tuple[Op, ...], body: Graph) -> tuple[Op, ...]:
    """Ops, after the constants of the body that they read."""
    read = {v for each in ops for v in each.operands}
    constants = [each for each in body.ops if each.name == "tfl.constant"]
    return (*(each for each in constants if each.results[0] in read), *ops)
