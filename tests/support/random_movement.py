"""Random operators that move, join, repeat and cut tensors, for random graphs."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from support.random_elementwise import hull
from support.random_graphs import MAX_SIZE, Builder, Fact
from tflgpuc.ir.graph.op import TFLITE_OPS, Op, Value
from tflgpuc.ir.graph.types import DType

DTYPES: tuple[DType, ...] = ("f32", "f32", "i32", "bool")
NUMBERS: tuple[DType, ...] = ("f32", "f32", "i32")


def moved(b: Builder, op: Op, *values: Value) -> None:
    """Adds an op whose results' elements are those of the values."""
    b.emit(op, hull([b.facts[v] for v in values]))


def any_value(b: Builder, low: int = 0, high: int = 6, dtypes: tuple[DType, ...] = DTYPES) -> Value:
    """A value of any type with that many axes."""
    return b.value(b.choice(dtypes), rank=(low, high))


def axis_of(b: Builder, rank: int) -> int:
    """An axis, counted from either end."""
    return b.integer(0, 2 * rank - 1) - rank if b.flag() else b.integer(0, rank - 1)


def factors(b: Builder, size: int) -> tuple[int, ...]:
    """A shape of that many elements."""
    found = []
    for _ in range(b.integer(0, 4)):
        divisors = [d for d in range(1, size + 1) if size % d == 0]
        found.append(b.choice(divisors))
        size //= found[-1]
    return (*found, size) if size > 1 or b.flag() else tuple(found)


def reshape(b: Builder) -> None:
    """RESHAPE to other factors, given as an operand or an attribute, perhaps with one left open."""
    x = any_value(b)
    shape = list(factors(b, x.type.size))
    if shape and b.flag():
        shape[b.integer(0, len(shape) - 1)] = -1
    wanted = b.constant(np.array(shape, np.int32))
    moved(b, TFLITE_OPS["RESHAPE"](tensor=x, shape=wanted, new_shape=tuple(shape)), x)


def transpose(b: Builder) -> None:
    """TRANSPOSE."""
    x = any_value(b, 1)
    left, perm = list(range(x.type.rank)), []
    while left:
        perm.append(left.pop(b.integer(0, len(left) - 1)))
    moved(b, TFLITE_OPS["TRANSPOSE"](input=x, perm=b.constant(perm)), x)


def cut(b: Builder) -> None:
    """SLICE."""
    x = any_value(b, 1, 5)
    begin = [b.integer(0, n - 1) for n in x.type.shape]
    size = [
        -1 if b.flag() else b.integer(1, n - at) for n, at in zip(x.type.shape, begin, strict=True)
    ]
    op = TFLITE_OPS["SLICE"](input=x, begin=b.constant(begin), size=b.constant(size))
    moved(b, op, x)


def strided_slice(b: Builder) -> None:
    """STRIDED_SLICE with every kind of entry."""
    x = any_value(b, 1, 4)
    rows, masks = [], {"begin": 0, "end": 0, "ellipsis": 0, "new_axis": 0, "shrink_axis": 0}
    axes = list(x.type.shape[: b.integer(1, x.type.rank)])
    while axes:
        entry, kind = 1 << len(rows), b.choice(("range", "back", "shrink", "new_axis"))
        if kind == "new_axis" and (masks["new_axis"] or x.type.rank > 3):
            kind = "range"
        if kind == "new_axis":
            masks["new_axis"] |= entry
            rows.append((0, 0, 1))
            continue
        n = axes.pop(0)
        first, last = sorted((b.integer(0, n - 1), b.integer(0, n - 1)))
        step = b.integer(1, 3)
        if kind == "shrink":
            masks["shrink_axis"] |= entry
            rows.append((first - n if b.flag() else first, first + 1, 1))
            continue
        for end in ("begin", "end"):
            masks[end] |= entry if b.flag() else 0
        rows.append((first, last + 1, step) if kind == "range" else (last, first - 1 - n, -step))
    if len(rows) < x.type.rank and b.flag():
        masks["ellipsis"] = 1 << len(rows)
        rows.append((0, 0, 1))
    begin, end, strides = (b.constant(list(column)) for column in zip(*rows, strict=True))
    op = TFLITE_OPS["STRIDED_SLICE"](
        input=x, begin=begin, end=end, strides=strides, **{f"{k}_mask": v for k, v in masks.items()}
    )
    moved(b, op, x)


def widths(b: Builder, x: Value, most: Callable[[int], int]) -> Value:
    """Paddings before and after each axis."""
    return b.constant(
        np.array(
            [[b.integer(0, most(n)), b.integer(0, most(n))] for n in x.type.shape], np.int32
        ).reshape(-1, 2)
    )


def pad(b: Builder) -> None:
    """PAD."""
    x = any_value(b, 1, 5, NUMBERS)
    fact = hull([b.facts[x], Fact(0, 0)])
    b.emit(TFLITE_OPS["PAD"](input=x, paddings=widths(b, x, lambda n: 2)), fact)


def padv2(b: Builder) -> None:
    """PADV2."""
    x = any_value(b, 1, 5, NUMBERS)
    value = b.constant(b.data((), -4, 4, x.type.dtype))
    paddings = widths(b, x, lambda n: 2)
    moved(b, TFLITE_OPS["PADV2"](input=x, paddings=paddings, constant_values=value), x, value)


def mirror_pad(b: Builder) -> None:
    """MIRROR_PAD."""
    x = any_value(b, 1, 5, NUMBERS)
    mode = b.choice(("REFLECT", "SYMMETRIC"))
    paddings = widths(b, x, lambda n: min(2, n - (mode == "REFLECT")))
    moved(b, TFLITE_OPS["MIRROR_PAD"](input=x, paddings=paddings, mode=mode), x)


def concatenation(b: Builder) -> None:
    """CONCATENATION of one to four values, of which one may come twice."""
    x = any_value(b, 1)
    axis = axis_of(b, x.type.rank)
    at, listed = axis % x.type.rank, [x]
    for _ in range(b.integer(0, 3)):
        shape = list(x.type.shape)
        shape[at] = b.integer(1, 5)
        rest = (*shape[:at], *shape[at + 1 :])
        fits = lambda t, rest=rest: (*t.shape[:at], *t.shape[at + 1 :]) == rest  # noqa: E731
        rank = (x.type.rank, x.type.rank)
        listed.append(b.value(x.type.dtype, rank=rank, shape=lambda s=shape: tuple(s), fits=fits))
    moved(b, TFLITE_OPS["CONCATENATION"](values=tuple(listed), axis=axis), *listed)


def pack(b: Builder) -> None:
    """PACK."""
    x = any_value(b, 0, 4, NUMBERS)
    shape = x.type.shape
    more = [
        b.value(x.type.dtype, shape=lambda: shape, fits=lambda t: t.shape == shape)
        for _ in range(b.integer(0, 2))
    ]
    listed = (x, *more)
    op = TFLITE_OPS["PACK"](
        values=listed, axis=axis_of(b, x.type.rank + 1), values_count=len(listed)
    )
    moved(b, op, *listed)


def unpack(b: Builder) -> None:
    """UNPACK."""
    x = any_value(b, 1, 4)
    axis = axis_of(b, x.type.rank)
    moved(b, TFLITE_OPS["UNPACK"](value=x, axis=axis, num=x.type.shape[axis]), x)


def split(b: Builder) -> None:
    """SPLIT."""
    x = any_value(b, 1, 5, NUMBERS)
    axis = axis_of(b, x.type.rank)
    size = x.type.shape[axis]
    count = b.choice([d for d in range(1, size + 1) if size % d == 0])
    moved(b, TFLITE_OPS["SPLIT"](axis=b.constant(axis), value=x, num_splits=count), x)


def split_v(b: Builder) -> None:
    """SPLIT_V, one size perhaps left open."""
    x = any_value(b, 1, 5, NUMBERS)
    axis = axis_of(b, x.type.rank)
    left, sizes = x.type.shape[axis], []
    while left:
        sizes.append(b.integer(1, left))
        left -= sizes[-1]
    if b.flag():
        sizes[b.integer(0, len(sizes) - 1)] = -1
    op = TFLITE_OPS["SPLIT_V"](
        value=x, size_splits=b.constant(sizes), axis=b.constant(axis), num_splits=len(sizes)
    )
    moved(b, op, x)


def tile(b: Builder) -> None:
    """TILE."""
    x = b.value(b.choice(DTYPES), rank=(1, 5), fits=lambda t: t.size <= 100)
    counts = [b.integer(1, 3) for _ in x.type.shape]
    moved(b, TFLITE_OPS["TILE"](input=x, multiples=b.constant(counts)), x)


def broadcast_to(b: Builder) -> None:
    """BROADCAST_TO."""
    x = b.value(b.choice(DTYPES), rank=(0, 4), fits=lambda t: t.size <= 100)
    shape = [b.integer(1, 4) if n == 1 else n for n in x.type.shape]
    front = [b.integer(1, 3) for _ in range(b.integer(0, min(2, 5 - len(shape))))]
    if front or shape:
        wanted = b.constant([*front, *shape])
        moved(b, TFLITE_OPS["BROADCAST_TO"](input=x, shape=wanted), x)


def gather(b: Builder) -> None:
    """GATHER, by constant indices or by an input's."""
    x = any_value(b, 1, 4)
    axis = axis_of(b, x.type.rank)
    at, size = axis % x.type.rank, x.type.shape[axis]
    batch = b.integer(0, min(at, 1))
    shape = (*x.type.shape[:batch], *b.shape(0, 2))
    if math.prod(shape) * x.type.size > 4 * MAX_SIZE:
        return
    if b.flag():
        indices = b.input("i32", shape, 0, size - 1)
    else:
        indices = b.constant(b.data(shape, 0, size - 1, "i32"))
    op = TFLITE_OPS["GATHER"](params=x, indices=indices, axis=axis, batch_dims=batch)
    moved(b, op, x)


def expand_dims(b: Builder) -> None:
    """EXPAND_DIMS."""
    x = any_value(b, 0, 5)
    axis = b.constant(axis_of(b, x.type.rank + 1))
    moved(b, TFLITE_OPS["EXPAND_DIMS"](input=x, axis=axis), x)


def squeeze(b: Builder) -> None:
    """SQUEEZE of some axes, or of all that can be."""
    x = any_value(b, 1)
    ones = [i for i, n in enumerate(x.type.shape) if n == 1]
    dims = tuple(i - x.type.rank if b.flag() else i for i in ones if b.flag())
    moved(b, TFLITE_OPS["SQUEEZE"](input=x, squeeze_dims=dims), x)


def reverse(b: Builder) -> None:
    """REVERSE_V2 of consecutive axes."""
    x = any_value(b, 1, 5)
    first = b.integer(0, x.type.rank - 1)
    axes = list(range(first, b.integer(first, x.type.rank - 1) + 1))
    moved(b, TFLITE_OPS["REVERSE_V2"](tensor=x, axis=b.constant(axes)), x)


def space_to_depth(b: Builder) -> None:
    """SPACE_TO_DEPTH."""
    block = b.integer(1, 3)
    n, h, w, c = b.image()
    shape = (n, -(-h // 3) * block, -(-w // 3) * block, c)
    x = b.value(
        b.choice(NUMBERS),
        rank=(4, 4),
        shape=lambda: shape,
        fits=lambda t: t.shape[1] % block == 0 and t.shape[2] % block == 0,
    )
    moved(b, TFLITE_OPS["SPACE_TO_DEPTH"](input=x, block_size=block), x)


def depth_to_space(b: Builder) -> None:
    """DEPTH_TO_SPACE."""
    block = b.integer(1, 3)
    n, h, w, c = b.image()
    shape = (n, h, w, min(c, 3) * block * block)
    x = b.value(
        b.choice(NUMBERS),
        rank=(4, 4),
        shape=lambda: shape,
        fits=lambda t: t.shape[3] % (block * block) == 0,
    )
    moved(b, TFLITE_OPS["DEPTH_TO_SPACE"](input=x, block_size=block), x)


def fill(b: Builder) -> None:
    """FILL with a number computed at run time."""
    x = b.value(b.choice(DTYPES), rank=(0, 0))
    dims = list(b.shape(1, 5))
    moved(b, TFLITE_OPS["FILL"](dims=b.constant(dims), value=x), x)


MOVEMENT: dict[str, Callable[[Builder], None]] = {
    "RESHAPE": reshape,
    "TRANSPOSE": transpose,
    "SLICE": cut,
    "STRIDED_SLICE": strided_slice,
    "PAD": pad,
    "PADV2": padv2,
    "MIRROR_PAD": mirror_pad,
    "CONCATENATION": concatenation,
    "PACK": pack,
    "UNPACK": unpack,
    "SPLIT": split,
    "SPLIT_V": split_v,
    "TILE": tile,
    "BROADCAST_TO": broadcast_to,
    "GATHER": gather,
    "EXPAND_DIMS": expand_dims,
    "SQUEEZE": squeeze,
    "REVERSE_V2": reverse,
    "SPACE_TO_DEPTH": space_to_depth,
    "DEPTH_TO_SPACE": depth_to_space,
    "FILL": fill,
}
