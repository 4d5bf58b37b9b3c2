"""Random operators that look for elements, or put them in places, for random graphs."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from support.random_elementwise import hull
from support.random_graphs import MAX_SIZE, Builder, Fact
from support.random_movement import NUMBERS, any_value, axis_of, moved
from tflgpuc.ir.graph.op import TFLITE_OPS, Value

ZERO = Fact(0, 0)


def indices_of(b: Builder, shape: tuple[int, ...], size: int) -> Value:
    """Indices below ``size``, constant or not."""
    if b.flag():
        return b.input("i32", shape, 0, size - 1)
    return b.constant(b.data(shape, 0, size - 1, "i32"))


def arg_reduction(name: str) -> Callable[[Builder], None]:
    """A maker of ARG_MAX or ARG_MIN, of exact values: close ones would change places."""

    def make(b: Builder) -> None:
        x = b.value(b.choice(NUMBERS), rank=(1, 4), exact=True)
        axis = axis_of(b, x.type.rank)
        made = b.choice(("INT32", "INT64"))
        op = TFLITE_OPS[name](input=x, axis=b.constant(axis), output_type=made)
        b.emit(op, Fact(0, x.type.shape[axis] - 1))

    return make


def topk(b: Builder) -> None:
    """TOPK_V2 of exact values."""
    x = b.value(b.choice(NUMBERS), rank=(1, 4), exact=True)
    k = b.integer(1, x.type.shape[-1])
    b.emit(TFLITE_OPS["TOPK_V2"](input=x, k=b.constant(k)), hull([b.facts[x], Fact(0, 9)]))


def cumsum(b: Builder) -> None:
    """CUMSUM."""
    x = b.value(b.choice(NUMBERS), rank=(1, 4), low=-8, high=8)
    op = TFLITE_OPS["CUMSUM"](
        input=x,
        axis=b.constant(axis_of(b, x.type.rank)),
        exclusive=b.flag(),
        reverse=b.flag(),
    )
    bound = 9 * b.facts[x].bound
    b.emit(op, Fact(-bound, bound, x.type.dtype == "i32"))


def space_to_batch(b: Builder) -> None:
    """SPACE_TO_BATCH_ND."""
    block = b.integer(1, 3), b.integer(1, 3)
    x = b.value(b.choice(NUMBERS), rank=(4, 4), shape=b.image)
    pads = []
    for size, by in zip(x.type.shape[1:3], block, strict=True):
        before = b.integer(0, 2)
        pads.append([before, -(size + before) % by])
    op = TFLITE_OPS["SPACE_TO_BATCH_ND"](
        input=x, block_shape=b.constant(list(block)), paddings=b.constant(np.array(pads, np.int32))
    )
    b.emit(op, hull([b.facts[x], ZERO]))


def batch_to_space(b: Builder) -> None:
    """BATCH_TO_SPACE_ND."""
    block = b.integer(1, 3), b.integer(1, 3)
    product = math.prod(block)
    n, h, w, c = b.image()
    shape = n * product, min(h, 5), min(w, 5), c
    x = b.value(
        b.choice(NUMBERS),
        rank=(4, 4),
        shape=lambda: shape,
        fits=lambda t: t.shape[0] % product == 0,
    )
    crops = []
    for size, by in zip(x.type.shape[1:3], block, strict=True):
        before = b.integer(0, min(2, size * by - 1))
        crops.append([before, b.integer(0, min(2, size * by - 1 - before))])
    op = TFLITE_OPS["BATCH_TO_SPACE_ND"](
        input=x, block_shape=b.constant(list(block)), crops=b.constant(np.array(crops, np.int32))
    )
    moved(b, op, x)


def gather_nd(b: Builder) -> None:
    """GATHER_ND."""
    x = any_value(b, 1, 4, NUMBERS)
    depth = b.integer(1, min(3, x.type.rank))
    size = min(x.type.shape[:depth])
    rows = b.shape(1, 2)
    if math.prod(rows) * math.prod(x.type.shape[depth:]) <= MAX_SIZE:
        indices = indices_of(b, (*rows, depth), size)
        moved(b, TFLITE_OPS["GATHER_ND"](params=x, indices=indices), x)


def scatter_nd(b: Builder) -> None:
    """SCATTER_ND, where several updates may go to one place."""
    rows = b.shape(1, 1)
    depth = b.integer(1, 2)
    shape = [b.integer(1, 5) for _ in range(depth + b.integer(0, 2))]
    updates = b.value(
        b.choice(NUMBERS),
        shape=lambda: (*rows, *shape[depth:]),
        fits=lambda t: False,
        low=-4,
        high=4,
    )
    op = TFLITE_OPS["SCATTER_ND"](
        indices=indices_of(b, (*rows, depth), min(shape[:depth])),
        updates=updates,
        shape=b.constant(shape),
    )
    b.emit(op, Fact(-40, 40, updates.type.dtype == "i32"))


def one_hot(b: Builder) -> None:
    """ONE_HOT, also of indices that are out of range."""
    depth = b.integer(1, 6)
    shape = b.shape(0, 3)
    indices = b.input("i32", shape, -1, depth)
    low, high = b.data((2,), -4, 4)
    op = TFLITE_OPS["ONE_HOT"](
        indices=indices,
        depth=b.constant(depth),
        on_value=b.constant(float(high)),
        off_value=b.constant(float(low)),
        axis=b.integer(-1, len(shape)),
    )
    b.emit(op, Fact(-4, 4))


def reverse_sequence(b: Builder) -> None:
    """REVERSE_SEQUENCE."""
    x = any_value(b, 2, 4, NUMBERS)
    axes = list(range(x.type.rank))
    seq = axes.pop(b.integer(0, len(axes) - 1))
    batch = b.choice(axes)
    lengths = b.data((x.type.shape[batch],), 1, x.type.shape[seq], "i32")
    op = TFLITE_OPS["REVERSE_SEQUENCE"](
        input=x, seq_lengths=b.constant(lengths), seq_dim=seq, batch_dim=batch
    )
    moved(b, op, x)


def dynamic_update_slice(b: Builder) -> None:
    """DYNAMIC_UPDATE_SLICE from anywhere, also where the update would stick out."""
    x = any_value(b, 1, 4, NUMBERS)
    shape = tuple(b.integer(1, n) for n in x.type.shape)
    update = b.input(x.type.dtype, shape, -4, 4)
    start = b.input("i32", (x.type.rank,), -2, 9)
    op = TFLITE_OPS["DYNAMIC_UPDATE_SLICE"](operand=x, update=update, start_indices=start)
    moved(b, op, x, update)


def segment_sum(b: Builder) -> None:
    """SEGMENT_SUM."""
    x = b.value(b.choice(NUMBERS), rank=(1, 4), low=-8, high=8)
    ids = [0]
    while len(ids) < x.type.shape[0]:
        ids.append(ids[-1] + b.flag())
    op = TFLITE_OPS["SEGMENT_SUM"](input=x, segment_ids=b.constant(ids))
    bound = 9 * b.facts[x].bound
    b.emit(op, Fact(-bound, bound, x.type.dtype == "i32"))


def embedding_lookup(b: Builder) -> None:
    """EMBEDDING_LOOKUP."""
    x = b.value(rank=(2, 4))
    ids = indices_of(b, (b.integer(1, 6),), x.type.shape[0])
    moved(b, TFLITE_OPS["EMBEDDING_LOOKUP"](ids=ids, value=x), x)


def bits(name: str, low: int, high: int) -> Callable[[Builder], None]:
    """A maker of an op on the bits of two integers; the second is from ``low`` to ``high``."""

    def make(b: Builder) -> None:
        x = b.value("i32", rank=(0, 4))
        y = b.input("i32", x.type.shape, low, high)
        b.emit(TFLITE_OPS[name](lhs=x, rhs=y), Fact(-128, 128))

    return make


def zeros_like(b: Builder) -> None:
    """ZEROS_LIKE."""
    x = any_value(b, dtypes=NUMBERS)
    b.emit(TFLITE_OPS["ZEROS_LIKE"](input=x), ZERO)


INDEXING: dict[str, Callable[[Builder], None]] = {
    "ARG_MAX": arg_reduction("ARG_MAX"),
    "ARG_MIN": arg_reduction("ARG_MIN"),
    "TOPK_V2": topk,
    "CUMSUM": cumsum,
    "SPACE_TO_BATCH_ND": space_to_batch,
    "BATCH_TO_SPACE_ND": batch_to_space,
    "GATHER_ND": gather_nd,
    "SCATTER_ND": scatter_nd,
    "ONE_HOT": one_hot,
    "REVERSE_SEQUENCE": reverse_sequence,
    "DYNAMIC_UPDATE_SLICE": dynamic_update_slice,
    "SEGMENT_SUM": segment_sum,
    "EMBEDDING_LOOKUP": embedding_lookup,
    "BITWISE_XOR": bits("BITWISE_XOR", -128, 127),
    "RIGHT_SHIFT": bits("RIGHT_SHIFT", 0, 31),
    "ZEROS_LIKE": zeros_like,
}
