"""Float activations times 8-bit weights: LiteRT quantises the activations while it runs.

XNNPACK, whose kernels LiteRT takes by default, gives each image (convolutions) or row (matrix
products) the asymmetric scale of its own range, whatever ``asymmetric_quantize_inputs`` says.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tflgpuc.ir.graph.fused_activation import activation
from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.batch_matmul import BatchMatmul
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.div import Div
from tflgpuc.ir.graph.ops.fully_connected import FullyConnected
from tflgpuc.ir.graph.ops.maximum import Maximum
from tflgpuc.ir.graph.ops.minimum import Minimum
from tflgpuc.ir.graph.ops.mul import Mul
from tflgpuc.ir.graph.ops.reduce_max import ReduceMax
from tflgpuc.ir.graph.ops.reduce_min import ReduceMin
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.ops.round import Round
from tflgpuc.ir.graph.ops.sub import Sub
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.passes.quantized_forms import Forms, real_constant

# Rows without any range get a scale of 1 from XNNPACK; their steps are 0 with any other as well, if
# 255 of them and their inverse are still normal numbers.
TINY = 1e-35


def hybrid(op: Any, forms: Forms, field: str, axis: int) -> tuple[Value, ...] | None:
    """A convolution or FULLY_CONNECTED of f32 with quantised weights, in ``field``."""
    weights: Value = getattr(op, field)
    if weights.type.dtype not in ("i8", "i4") or weights.constant is None:
        return None
    x, scales = forms.raw(op.input), scales_of(weights, axis)
    if scales is None:
        return None
    changes: dict[str, Any] = {field: forms.weights(weights), "bias": None}
    if isinstance(op, FullyConnected):
        depth = weights.type.shape[1]
        x = reshaped(x, (op.input.type.size // depth, depth))
        changes["keep_num_dims"] = False
    # XNNPACK has a 1x1 convolution as a matrix product of its pixels.
    pointwise = isinstance(op, Conv2D) and op.kernel == op.stride == (1, 1) and op.groups == 1
    last = x.type.rank - 1
    steps, step = dynamic(x, (last,) if pointwise else tuple(range(1, last + 1)))
    plain = replace(op, input=steps, **changes, fused_activation_function="NONE", names=())
    made = Mul(lhs=Mul(lhs=plain.result, rhs=step).result, rhs=scales).result
    if op.bias is not None:
        made = Add(lhs=made, rhs=reshaped(forms.real(op.bias), (op.bias.type.size,))).result
    shaped = reshaped(made, op.result.type.shape)
    return (activation(op.fused_activation_function, shaped),)


def hybrid_matmul(op: BatchMatmul, forms: Forms) -> tuple[Value, ...] | None:
    """BATCH_MATMUL of f32 with a quantised right side; each row of the left has its scale."""
    if op.y.type.dtype not in ("i8", "i4") or op.adj_x:
        return None
    rank = op.y.type.rank
    scales = scales_of(op.y, rank - (2 if op.adj_y else 1))
    if scales is None or op.y.constant is None:
        return None
    x = forms.raw(op.x)
    steps, step = dynamic(x, (x.type.rank - 1,))
    plain = replace(op, x=steps, y=forms.weights(op.y), names=())
    return (Mul(lhs=Mul(lhs=plain.result, rhs=step).result, rhs=scales).result,)


def dynamic(x: Value, axes: tuple[int, ...]) -> tuple[Value, Value]:
    """The steps of ``x`` as i8 with the range that it has along ``axes``; the size of a step."""
    axis = Constant(data=np.array(axes, np.int32), type=TensorType("i32", (len(axes),))).result
    zero = real_constant(0.0)
    low = Minimum(lhs=ReduceMin(input=x, axis=axis, keep_dims=True).result, rhs=zero).result
    high = Maximum(lhs=ReduceMax(input=x, axis=axis, keep_dims=True).result, rhs=zero).result
    extent = Maximum(lhs=Sub(lhs=high, rhs=low).result, rhs=real_constant(TINY)).result
    fineness = Div(lhs=real_constant(255.0), rhs=extent).result
    # The zero point is at -128 - low * fineness, so the least step is next to low * fineness.
    least = Round(x=Mul(lhs=low, rhs=fineness).result).result
    most = Add(lhs=least, rhs=real_constant(255.0)).result
    steps = Round(x=Mul(lhs=x, rhs=fineness).result).result
    clamped = Minimum(lhs=Maximum(lhs=steps, rhs=least).result, rhs=most).result
    return clamped, Div(lhs=real_constant(1.0), rhs=fineness).result


def scales_of(weights: Value, axis: int) -> Value | None:
    """The weights' scales, one or one an index of ``axis``; None where they are otherwise."""
    q = weights.type.quantization
    if q is None or any(q.zero_point) or (len(q.scale) > 1 and q.axis != axis):
        return None
    data = np.array(q.scale, np.float32)
    return real_constant(data if data.size > 1 else data.reshape(()))


def reshaped(value: Value, shape: tuple[int, ...]) -> Value:
    """``value`` in another shape; itself where that is its shape."""
    if value.type.shape == shape:
        return value
    return Reshape(tensor=value, new_shape=shape).result
