"""Whether a value is better computed wherever it is read than stored once: an estimate of both."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tflgpuc.backends.kernels.computed import INLINE, inlined
from tflgpuc.backends.kernels.movement import pads_slices
from tflgpuc.backends.kernels.view import PACKED
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.arg_max import ArgMax
from tflgpuc.ir.graph.ops.arg_min import ArgMin
from tflgpuc.ir.graph.ops.average_pool_2d import AveragePool2D
from tflgpuc.ir.graph.ops.concatenation import Concatenation
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.dense_chain import DenseChain
from tflgpuc.ir.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tflgpuc.ir.graph.ops.fully_connected import FullyConnected
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.ops.l2_pool_2d import L2Pool2D
from tflgpuc.ir.graph.ops.log_softmax import LogSoftmax
from tflgpuc.ir.graph.ops.max_pool_2d import MaxPool2D
from tflgpuc.ir.graph.ops.mean import Mean
from tflgpuc.ir.graph.ops.pad import Pad
from tflgpuc.ir.graph.ops.reduce_all import ReduceAll
from tflgpuc.ir.graph.ops.reduce_any import ReduceAny
from tflgpuc.ir.graph.ops.reduce_max import ReduceMax
from tflgpuc.ir.graph.ops.reduce_min import ReduceMin
from tflgpuc.ir.graph.ops.reduce_prod import ReduceProd
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.ops.resize_bilinear import ResizeBilinear
from tflgpuc.ir.graph.ops.slice import Slice
from tflgpuc.ir.graph.ops.softmax import Softmax
from tflgpuc.ir.graph.ops.sum import Sum
from tflgpuc.ir.graph.pooling import Pooling
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.target import Target
from tflgpuc.passes.select import choose_tile, same_vec4s

Reads = Callable[[Any, Target], float]
# Vec4 operations and reads that a resize does for each vec4 it makes; other moves; elementwise ones.
BILINEAR = (12, 4)
MOVE = (4, 1)
# What taking small elements out of their words adds.
UNPACK = (6, 3)
# A value's neighbours were read before: so much faster than memory is what answers then.
CACHED = 8
VEC4_BYTES = 16


def _vec4s(type: TensorType) -> int:
    """How many vec4s hold a tensor; beyond four axes elements are by themselves."""
    if type.rank > 4:
        return type.size
    n, h, w, _ = type.nhwc
    return n * h * w * type.slices


def _slice_tiles(type: TensorType, target: Target) -> int:
    """How many tiles cover the slices of a convolution's result: each reads the input anew."""
    return -(-type.slices // choose_tile(type, target).slices)


def _conv_2d(op: Conv2D, target: Target) -> float:
    _, kh, kw, _ = op.filter.type.shape
    made = op.results[0].type
    tiles = -(-_slice_tiles(made, target) // op.groups)
    return kh * kw * tiles * _plane(made) / _plane(op.input.type)


def _fully_connected(op: FullyConnected, target: Target) -> float:
    return float(_slice_tiles(op.results[0].type, target))


def _depthwise(op: DepthwiseConv2D, target: Target) -> float:
    """A tile reads what its windows cover once."""
    (kh, kw), made = op.kernel, op.results[0].type
    tile = choose_tile(made, target, "pixels")
    across = min(kw * tile.pixels, (tile.pixels - 1) * op.stride_w + kw) / tile.pixels
    down = min(kh * tile.rows, (tile.rows - 1) * op.stride_h + kh) / tile.rows
    return across * down * op.multiplier * _plane(made) / _plane(op.input.type)


def _pooling(op: Any, target: Target) -> float:
    kh, kw = op.kernel
    return float(kh * kw * _plane(op.results[0].type) / _plane(op.input.type))


def _plane(type: TensorType) -> int:
    _, h, w, _ = type.nhwc
    return h * w


def _few(times: int) -> Reads:
    return lambda op, target: float(times)


# How often a kernel reads each vec4 of its first operand. Kernels that aren't here, and operands other
# than the first, read memory.
READS: dict[type[Op], Reads] = {
    Conv2D: _conv_2d,
    FullyConnected: _fully_connected,
    DepthwiseConv2D: _depthwise,
    **dict.fromkeys((AveragePool2D, MaxPool2D, L2Pool2D), _pooling),
    **dict.fromkeys((Mean, Sum, ReduceMax, ReduceMin, ReduceProd, ReduceAll, ReduceAny), _few(1)),
    **dict.fromkeys((ArgMax, ArgMin, DenseChain), _few(1)),
    **dict.fromkeys((Softmax, LogSoftmax), _few(3)),
}


def reads(op: Op, value: Value, target: Target) -> float | None:
    """How often ``op``'s kernel reads each vec4 of an operand; None where it has to be in memory."""
    made, given = _vec4s(op.results[0].type), _vec4s(value.type)
    if op.elementwise:
        return max(1.0, made / given)
    if isinstance(op, Concatenation):
        return 1.0
    if value is not op.operands[0] or any(value is v for v in op.operands[1:]):
        return None
    if type(op) in INLINE:
        return max(1.0, _work(op)[1] * made / given)
    if type(op) not in READS or any(v.constant is None for v in op.operands[1:]):
        return None
    return READS[type(op)](op, target)


def _work(op: Op) -> tuple[int, int]:
    """Vec4 operations for each vec4 of an op that can be computed where it is read, and its reads."""
    if op.elementwise:
        reading = [v for v in op.operands if v.constant is None or v.constant.size > 1]
        bytes = sum(v.op is None and v.type.dtype in PACKED for v in reading)
        return 1 + UNPACK[0] * bytes, len(reading) + UNPACK[1] * bytes
    if isinstance(op, ResizeBilinear):
        return BILINEAR
    if isinstance(op, Pooling):
        kh, kw = op.kernel
        return kh * kw, kh * kw
    if isinstance(op, Slice) and op.input.type.rank == 4 and op.starts[3] % 4 == 0:
        # An offset: whatever reads it has as much to do.
        return 0, 1
    return (4 * MOVE[0], 4 * MOVE[1]) if _by_lane(op) else MOVE


def _by_lane(op: Op) -> bool:
    """Whether an op moves channels, so that each lane is read by itself."""
    whole = (isinstance(op, Pad) and pads_slices(op)) or (
        isinstance(op, Slice) and op.starts[-1:] == (0,)
    )
    if op.elementwise or whole:
        return False
    return op.results[0].type.shape[-1:] != op.operands[0].type.shape[-1:]


def _counts(fused: Fused, target: Target) -> dict[Value, float]:
    """How often each vec4 of what a fused op's body reads, or computes first, is read."""
    found = {v: 0.0 for op in fused.prologue for v in op.results}
    computed = set(found)
    for op in reversed(fused.computing):
        own = found[op.results[0]] if op.results[0] in computed else 1.0
        for value in dict.fromkeys(op.operands):
            count = reads(op, value, target)
            found[value] = found.get(value, 0.0) + own * (math.inf if count is None else count)
    return found


def refusal(
    producer: Fused, consumer: Fused, value: Value, target: Target, images: bool
) -> str | None:
    """Why what ``producer`` makes has to be stored before ``consumer`` reads it, or None.

    With ``images``, what is made of inputs with four bytes a pixel may cost what it wants.
    """
    if any(inlined(op) is None for op in producer.computing):
        return "the producer can't be computed at one place"
    if _renames(producer) or _renames(consumer):
        return "it is a name for memory that is there already"
    inner = consumer.body.inputs[consumer.inputs.index(value)]
    times = _counts(consumer, target)[inner]
    if math.isinf(times):
        return f"the kernel of {consumer.root.name} reads memory"
    if images and all(_is_image(v) for v in producer.inputs):
        return None
    if consumer.root.macs() and any(_by_lane(op) for op in producer.computing):
        # Kernels that unroll tiles would become very long.
        return "it would be read lane by lane in a tile"
    return None if worth(producer, times, target) else "computing it anew costs more"


def _is_image(value: Value) -> bool:
    """Whether a value is an input of which each pixel is a word."""
    return value.op is None and value.type.dtype in ("i8", "u8") and value.type.shape[-1:] == (4,)


def _renames(op: Fused) -> bool:
    """Whether an op is a reshape that moves nothing."""
    return (
        isinstance(op.root, Reshape)
        and len(op.computing) == 1
        and bool(op.inputs)
        and same_vec4s(op.inputs[0].type, op.types[0])
    )


def worth(producer: Fused, times: float, target: Target) -> bool:
    """Whether computing a value at each of ``times`` reads costs no more than a dispatch of its own."""
    costs, count = target.costs, _vec4s(producer.result.type)
    operation = 4 / costs.gpu_macs
    memory = VEC4_BYTES / costs.gpu_bytes
    counts = _counts(producer, target)
    work = sum(
        (1.0 if op not in producer.prologue else counts[op.results[0]])
        * _vec4s(op.results[0].type)
        * (operation * o + memory / CACHED * r)
        for op, (o, r) in ((op, _work(op)) for op in producer.computing)
    )
    stored = costs.launch + work + count * (2 + times / CACHED) * memory
    return times * work <= stored
