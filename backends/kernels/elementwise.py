"""Elementwise ops of any kind."""

from __future__ import annotations

from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.elements import element_grid
from tflgpuc.backends.kernels.view import At, Element
from tflgpuc.ir.graph.op import Op
from tflgpuc.ir.graph.ops.dequantize import Dequantize
from tflgpuc.ir.graph.quantization import per_axis
from tflgpuc.ir.shader import Expr


def one_shape(op: Op) -> bool:
    """Whether no operand is broadcast over rows or columns."""
    plane = op.results[0].type.nhwc[1:3]
    return all(v.type.nhwc[1:3] in (plane, (1, 1)) for v in op.operands)


def one_scale(op: Dequantize) -> str | None:
    """Why an expression can't say what DEQUANTIZE does."""
    return "it has more than one scale" if per_axis(op.input.type.quantization) else None


@kernel(Dequantize, any_rank=True, requires=one_scale, row_major=True)
@kernel(Op, any_rank=True, row_major=True)
def elementwise(op: Op, c: Context) -> Built:
    """One vec4 an invocation; pixels are counted where nothing is broadcast over them."""
    if c.output.layout == "nhwc" and not c.output.word_pixels:
        with element_grid(c, c.output.dims) as (indices, elements):
            element = Element(c.output.dims, indices)
            c.store(element, _value(op, c, element))
        return c.done(elements)
    k = c.k
    n, h, w, _ = c.output.shape
    slices = c.output.slices
    if one_shape(op) and all(one_shape(e) for e in c.epilogue):
        pixel = k.let("pixel", k.gid(0))
        slice = k.let("slice", k.gid(1))
        batch = k.let("batch", k.gid(2))
        with k.when((pixel < h * w) & (slice < slices) & (batch < n)):
            at = At.linear(c.output.shape, batch, pixel, slice)
            c.store(at, _value(op, c, at))
        return c.done((h * w, slices, n))
    column, row = k.let("column", k.gid(0)), k.let("row", k.gid(1))
    batch, slice = k.let("batch", k.gid(2) // slices), k.let("slice", k.gid(2) % slices)
    with k.when((column < w) & (row < h) & (k.gid(2) < n * slices)):
        at = c.at(batch, row, column, slice)
        c.store(at, _value(op, c, at))
    return c.done((w, h, n * slices))


def _value(op: Op, c: Context, at: At | Element) -> Expr:
    args = [c.read(v, at) for v in op.operands]
    return c.k.let(op.name.split(".")[-1], op.expr(*args))
