"""Seeded inputs that a model can run on: of the right types, and with indices that are in range."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.graph.types import NUMPY, TensorType

Array = NDArray[Any]
Limits = tuple[int, int]
# Integers that may be indices, sizes or counts stay small; narrow ones are quantised numbers.
SMALL: Limits = (0, 9)
WIDE = ("i8", "u8", "i16", "u16")
LETTERS = string.ascii_lowercase + " "


@dataclass(frozen=True)
class Port:
    """An input: its shape, its element type, and the least and greatest value where that matters."""

    shape: Sequence[int]
    dtype: str = "f32"
    limits: Limits | None = None


def random_inputs(ports: Mapping[str, Port], seed: int) -> dict[str, Array]:
    """One array for every input; floats are uniform from -1 to 1."""
    rng = np.random.default_rng(seed)
    return {name: random_array(port, rng) for name, port in ports.items()}


def random_array(port: Port, rng: np.random.Generator) -> Array:
    """Narrow integers over their whole range, wide ones within the port's limits, short strings."""
    if port.dtype == "string":
        words = ["".join(rng.choice(list(LETTERS), 5)) for _ in range(int(np.prod(port.shape)))]
        return np.array([word.encode() for word in words], object).reshape(tuple(port.shape))
    dtype = NUMPY.get(port.dtype, np.dtype(np.uint8))
    if dtype.kind in "fc":
        made = rng.uniform(-1, 1, port.shape)
        if dtype.kind == "c":
            made = made + 1j * rng.uniform(-1, 1, port.shape)
        return np.asarray(made, dtype)
    low, high = (0, 1) if dtype.kind == "b" else port.limits or _whole(port.dtype, dtype)
    return rng.integers(low, high, port.shape, np.int64, endpoint=True).astype(dtype)


def _whole(name: str, dtype: np.dtype[Any]) -> Limits:
    if name not in WIDE:
        return SMALL
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def ports_of(inputs: Sequence[Mapping[str, Any]], graph: Graph | None) -> dict[str, Port]:
    """The inputs that a manifest lists, which are the graph's in order, by name."""
    limits = index_limits(graph) if graph is not None else {}
    at = dict(enumerate(graph.inputs)) if graph is not None else {}
    found = {}
    for i, port in enumerate(inputs):
        known = limits.get(at[i]) if i in at else None
        found[port["name"]] = Port(closed(port["shape"]), port["dtype"], known)
    return found


def closed(shape: Sequence[int]) -> list[int]:
    """A shape with 1 for each axis that is open (-1), as TFLite has it by itself."""
    return [1 if n < 0 else n for n in shape]


# --- what an integer has to be ---


def _axis(op: Op, of: TensorType) -> int | None:
    axis = _attribute(op, "axis", 0)
    return of.shape[axis] if -of.rank <= axis < of.rank else None


def _attribute(op: Op, name: str, default: int) -> int:
    options = dict(op.options) if isinstance(op, Opaque) else op.attributes
    value = options.get(name, default)
    return value if isinstance(value, int) else default


def _gather(op: Op, operands: Sequence[Value]) -> int | None:
    return _axis(op, operands[0].type)


def _first_axis(which: int) -> Callable[[Op, Sequence[Value]], int | None]:
    return lambda op, operands: next(iter(operands[which].type.shape), None)


def _gather_nd(op: Op, operands: Sequence[Value]) -> int | None:
    depth = operands[1].type.shape[-1] if operands[1].type.rank else 0
    return min(operands[0].type.shape[:depth], default=None)


def _scalar(which: int, extra: int = 0) -> Callable[[Op, Sequence[Value]], int | None]:
    """The number of valid values is the least of a constant operand."""

    def count(op: Op, operands: Sequence[Value]) -> int | None:
        data = operands[which].constant
        return int(data.min()) + extra if data is not None and data.size else None

    return count


def _last_axis(op: Op, operands: Sequence[Value]) -> int | None:
    shape = operands[0].type.shape
    return shape[-1] + 1 if shape else None


def _sequence(op: Op, operands: Sequence[Value]) -> int | None:
    shape, axis = operands[0].type.shape, _attribute(op, "seq_dim", 0)
    return shape[axis] + 1 if 0 <= axis < len(shape) else None


# For an operator's operand at a position: how many values, from 0 on, it may have.
COUNTS: dict[tuple[str, int], Callable[[Op, Sequence[Value]], int | None]] = {
    ("GATHER", 1): _gather,
    ("GATHER_ND", 1): _gather_nd,
    ("EMBEDDING_LOOKUP", 0): _first_axis(1),
    ("EMBEDDING_LOOKUP_SPARSE", 0): _first_axis(4),
    ("ONE_HOT", 0): _scalar(1),
    ("SCATTER_ND", 0): _scalar(2),
    ("TOPK_V2", 1): _last_axis,
    ("REVERSE_SEQUENCE", 1): _sequence,
    ("UNSORTED_SEGMENT_SUM", 1): _scalar(2),
    ("UNSORTED_SEGMENT_PROD", 1): _scalar(2),
    ("UNSORTED_SEGMENT_MAX", 1): _scalar(2),
    ("UNSORTED_SEGMENT_MIN", 1): _scalar(2),
}
# Operands that must not be zero.
DIVISORS = {("DIV", 1), ("FLOOR_DIV", 1), ("FLOOR_MOD", 1)}
# Operators that pass on the values of these operands, at other places or in other types.
MOVING: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(
        ("CAST", "RESHAPE", "EXPAND_DIMS", "SQUEEZE", "TRANSPOSE", "SLICE", "STRIDED_SLICE"), (0,)
    ),
    **dict.fromkeys(("TILE", "GATHER", "GATHER_ND", "UNPACK", "REVERSE_V2", "SPLIT_V"), (0,)),
    **dict.fromkeys(("BROADCAST_TO", "PAD", "MIRROR_PAD", "TOPK_V2", "REVERSE_SEQUENCE"), (0,)),
    **dict.fromkeys(("SELECT", "SELECT_V2"), (1, 2)),
    **dict.fromkeys(("CONCATENATION", "PACK", "MAXIMUM", "MINIMUM"), (0, 1)),
    "SPLIT": (1,),
}


def index_limits(graph: Graph) -> dict[Value, Limits]:
    """The integers that each input may hold, for those that end up as indices or divisors."""
    uses: dict[Value, list[tuple[Op, int]]] = {}
    for op in graph.ops:
        for i, value in enumerate(op.operands):
            uses.setdefault(value, []).append((op, i))
    found = {}
    for value in graph.inputs:
        if not value.type.dtype.startswith(("i", "u")):
            continue
        limits = _needed(value, uses)
        if limits is not None:
            found[value] = limits
    return found


def _needed(value: Value, uses: Mapping[Value, Sequence[tuple[Op, int]]]) -> Limits | None:
    low, counts = 0, []
    seen, left = {value}, [value]
    while left:
        for op, position in uses.get(left.pop(), ()):
            name = op.opcode if isinstance(op, Opaque) else op.tflite
            count = _count(name, position, op)
            if count is not None:
                counts.append(count)
            low = max(low, int((name, position) in DIVISORS))
            if position in MOVING.get(name, ()):
                new = [v for v in op.results if v not in seen]
                seen.update(new)
                left += new
    if not counts:
        return (low, SMALL[1]) if low and value.type.dtype not in WIDE else None
    return low, max(low, min(counts) - 1)


def _count(name: str, position: int, op: Op) -> int | None:
    rule = COUNTS.get((name, position))
    try:
        return rule(op, op.operands) if rule else None
    except IndexError:
        # The operator lacks an operand, which LiteRT will say.
        return None
