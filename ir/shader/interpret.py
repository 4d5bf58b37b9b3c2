"""Interprets a kernel with NumPy, all invocations in lockstep: what a kernel means.

A value is a tuple of arrays, one a lane, each broadcastable over the invocations; an axis that a value
doesn't depend on stays 1, so that weights read once a slice are loaded once a slice. Control flow that
invocations disagree on runs under a mask.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from tflgpuc.ir.errors import KernelError
from tflgpuc.ir.shader.expr import (
    Binary,
    Bitcast,
    Buffer,
    Builtin,
    Call,
    Cast,
    Compose,
    Const,
    Expr,
    Lane,
    Load,
    Memory,
    Name,
    Select,
    Shared,
    Unary,
    walk,
)
from tflgpuc.ir.shader.stmt import (
    Assign,
    Barrier,
    For,
    If,
    Kernel,
    Let,
    Stmt,
    Store,
    Var,
    exprs,
    walk_stmts,
)
from tflgpuc.ir.shader.types import Scalar

Array = NDArray[Any]
Lanes = tuple[Array, ...]
Mask = Array | None

DTYPES: dict[Scalar, type[np.generic]] = {
    "f32": np.float32,
    "f16": np.float16,
    "i32": np.int32,
    "u32": np.uint32,
    "bool": np.bool_,
}
# Invocations at a time: their registers fit a CPU's second-level cache.
CHUNK = 1 << 14


def interpret(kernel: Kernel, buffers: Mapping[str, NDArray[np.uint8]]) -> None:
    """Runs every work group; ``buffers`` are the bytes bound to each buffer, written in place.

    Raises KernelError where an invocation that is running reads or writes outside of a buffer.
    """
    bound = {b.name: _elements(b, buffers[b.name]) for b in kernel.buffers}
    with np.errstate(all="ignore"):
        for chunk in _chunks(kernel):
            _Run(kernel, bound, chunk).block(kernel.body, None)


def _elements(buffer: Buffer, data: NDArray[np.uint8]) -> Array:
    """The bound bytes as (elements, lanes) in the storage type."""
    scalar: Scalar = "i32" if buffer.storage == "bool" else buffer.storage
    lanes = buffer.element.lanes
    size = buffer.element_bytes
    return data[: data.size // size * size].view(DTYPES[scalar]).reshape(-1, lanes)


@dataclass(frozen=True)
class _Chunk:
    """Some of the invocations: built-in values by kind and axis, and the shape they span."""

    builtins: Mapping[tuple[str, int], Array]
    shape: tuple[int, ...]
    group: Array
    groups: int


def _chunks(kernel: Kernel) -> Iterator[_Chunk]:
    used = {
        e.kind
        for s in walk_stmts(kernel.body)
        for root in exprs(s)
        for e in walk(root)
        if isinstance(e, Builtin)
    }
    grouped = bool(kernel.shared) or bool(used - {"global_id"})
    size, groups = kernel.size, kernel.groups
    if grouped:
        extents, unit = groups, math.prod(size)
    else:
        x, y, z = (g * s for g, s in zip(groups, size, strict=True))
        extents, unit = (x, y, z), 1
    for ranges in _split(extents, max(1, CHUNK // unit)):
        yield _grouped(ranges, size) if grouped else _flat(ranges)


def _split(extents: tuple[int, int, int], most: int) -> Iterator[tuple[range, range, range]]:
    """Boxes of at most about ``most`` places, long along x."""
    steps = []
    left = most
    for extent in extents:
        step = max(1, min(extent, left))
        steps.append(step)
        left = max(1, left // step)
    cuts = [
        [range(i, min(i + s, e)) for i in range(0, e, s)]
        for e, s in zip(extents, steps, strict=True)
    ]
    for z, y, x in itertools.product(cuts[2], cuts[1], cuts[0]):
        yield x, y, z


def _along(values: range | Array, axis: int, axes: int) -> Array:
    """Values laid along one axis of a shape of ``axes`` axes."""
    shape = [1] * axes
    shape[axis] = len(values)
    return np.asarray(values, np.int32).reshape(shape)


def _flat(ranges: tuple[range, range, range]) -> _Chunk:
    builtins = {("global_id", i): _along(r, 2 - i, 3) for i, r in enumerate(ranges)}
    x, y, z = map(len, ranges)
    return _Chunk(builtins, (z, y, x), np.zeros((1, 1, 1), np.int32), 1)


def _grouped(ranges: tuple[range, range, range], size: tuple[int, int, int]) -> _Chunk:
    builtins: dict[tuple[str, int], Array] = {}
    for i, r in enumerate(ranges):
        group, local = _along(r, 2 - i, 6), _along(range(size[i]), 5 - i, 6)
        builtins["group_id", i] = group
        builtins["local_id", i] = local
        builtins["global_id", i] = group * size[i] + local
    x, y, z = map(len, ranges)
    number = np.arange(x * y * z, dtype=np.int32).reshape(z, y, x, 1, 1, 1)
    return _Chunk(builtins, (z, y, x, *reversed(size)), number, x * y * z)


@dataclass
class _Variable:
    """A variable, and the mask under which it was declared: outside of it nobody can see it."""

    lanes: list[Array]
    mask: Mask


class _Run:
    """One chunk of invocations walking through the kernel together."""

    def __init__(self, kernel: Kernel, bound: Mapping[str, Array], chunk: _Chunk) -> None:
        self.kernel = kernel
        self.bound = bound
        self.chunk = chunk
        self.names: dict[str, Lanes | _Variable] = {}
        self.shared = {
            s.name: np.full((chunk.groups * s.count, s.element.lanes), _unset(s.element.scalar))
            for s in kernel.shared
        }
        self.mask: Mask = None
        self.where = ""

    # --- statements ---

    def block(self, body: tuple[Stmt, ...], mask: Mask) -> None:
        for s in body:
            self.mask = mask
            self.where = "" if isinstance(s, Barrier) else s.loc
            self.stmt(s, mask)

    def stmt(self, s: Stmt, mask: Mask) -> None:
        match s:
            case Let():
                self.names[s.name] = self.value(s.value)
            case Var():
                if s.value is None:
                    start: Lanes = (np.asarray(_unset(s.type.scalar)),) * s.type.lanes
                else:
                    start = self.value(s.value)
                self.names[s.name] = _Variable(list(start), mask)
            case Assign():
                self.assign(s, mask)
            case Store():
                self.store(s, mask)
            case For():
                self.loop(s, mask)
            case If():
                self.branch(s, mask)
            case Barrier():
                pass
            case _:
                assert_never(s)

    def assign(self, s: Assign, mask: Mask) -> None:
        variable = self.names[s.name]
        assert isinstance(variable, _Variable)
        value = self.value(s.value)
        for i, new in enumerate(value):
            old = variable.lanes[i]
            made = BINARY[s.op](old, new) if s.op else new
            if mask is not variable.mask and mask is not None:
                made = np.where(mask, made, old)
            variable.lanes[i] = made

    def loop(self, s: For, mask: Mask) -> None:
        (start,), (stop,) = self.value(s.start), self.value(s.stop)
        if start.size == 1 and stop.size == 1:
            for i in range(int(start.item()), int(stop.item()), s.step):
                self.names[s.name] = (np.int32(i),)  # type: ignore[assignment]
                self.block(s.body, mask)
            return
        at = start
        while True:
            running = at < stop if mask is None else mask & (at < stop)
            if not running.any():
                return
            self.names[s.name] = (at,)
            self.block(s.body, running)
            at = at + np.int32(s.step)

    def branch(self, s: If, mask: Mask) -> None:
        (condition,) = self.value(s.condition)
        taken = condition if mask is None else mask & condition
        if taken.all() or (mask is not None and condition.all()):
            self.block(s.then, mask)
            return
        if taken.any():
            self.block(s.then, taken)
        rest = ~condition if mask is None else mask & ~condition
        if s.otherwise and rest.any():
            self.block(s.otherwise, rest)

    def store(self, s: Store, mask: Mask) -> None:
        value, (index,) = self.value(s.value), self.value(s.index)
        target, index = self.place(s.memory, index)
        self.mask = mask
        self.check(s.memory, index, len(target), "writes")
        shape = self.chunk.shape
        at = np.broadcast_to(index, shape)
        kept = slice(None) if mask is None else np.broadcast_to(mask, shape)
        for i, lane in enumerate(value):
            target[at[kept], i] = np.broadcast_to(lane, shape)[kept]

    # --- memory ---

    def place(self, memory: Memory, index: Array) -> tuple[Array, Array]:
        """The elements of a memory, and the index among them; shared memory is one array a group."""
        if isinstance(memory, Shared):
            self.check(memory, index, memory.count, "reaches")
            return self.shared[memory.name], self.chunk.group * memory.count + index
        return self.bound[memory.name], index

    def check(self, memory: Memory, index: Array, count: int, what: str) -> None:
        if index.min() >= 0 and index.max() < count:
            return
        outside = (index < 0) | (index >= count)
        if self.mask is not None:
            outside = outside & self.mask
        if outside.any():
            worst = np.broadcast_to(index, outside.shape)[outside].flat[0]
            raise KernelError(
                f"kernel {self.kernel.name}: {self.where}: {what} {memory.name}[{worst}] "
                f"of {count} elements"
            )

    def load(self, e: Load) -> Lanes:
        (index,) = self.value(e.index)
        elements, index = self.place(e.memory, np.asarray(index))
        self.check(e.memory, index, len(elements), "reads")
        if self.mask is not None:
            index = np.clip(index, 0, len(elements) - 1)
        found = np.moveaxis(elements[index], -1, 0)
        wanted = DTYPES[e.type.scalar]
        return tuple(np.ascontiguousarray(found, wanted))

    # --- expressions ---

    def value(self, e: Expr) -> Lanes:
        """The lanes of an expression."""
        match e:
            case Name():
                known = self.names[e.name]
                return tuple(known.lanes) if isinstance(known, _Variable) else known
            case Binary():
                return self.binary(e)
            case Load():
                return self.load(e)
            case Lane():
                return (self.value(e.vector)[e.index],)
            case Const():
                return (np.asarray(e.value, DTYPES[e.type.scalar]),) * e.type.lanes
            case Builtin():
                return (self.chunk.builtins[e.kind, e.axis],)
            case Compose():
                parts = [self.value(p)[0] for p in e.parts]
                return tuple(parts) if len(parts) > 1 else (parts[0],) * e.type.lanes
            case Call():
                return self.call(e)
            case Unary():
                f = np.logical_not if e.op == "!" else np.negative
                return tuple(f(x) for x in self.value(e.operand))
            case Select():
                condition = self.value(e.condition)
                sides = zip(self.value(e.if_true), self.value(e.if_false), strict=True)
                wide = condition * e.type.lanes if len(condition) == 1 else condition
                return tuple(np.where(c, a, b) for c, (a, b) in zip(wide, sides, strict=True))
            case Cast():
                return tuple(_cast(x, e.type.scalar) for x in self.value(e.operand))
            case Bitcast():
                return tuple(x.view(DTYPES[e.type.scalar]) for x in self.value(e.operand))
            case _:
                assert_never(e)

    def binary(self, e: Binary) -> Lanes:
        left, right = self.value(e.left), self.value(e.right)
        f = BINARY[e.op]
        if e.op == "/" and e.left.type.is_int:
            f = _divide
        if len(left) == len(right):
            return tuple(map(f, left, right))
        wide = max(len(left), len(right))
        return tuple(
            map(f, left * (wide // len(left)), right * (wide // len(right)))
        )

    def call(self, e: Call) -> Lanes:
        args = [self.value(a) for a in e.args]
        if e.function == "dot":
            products = [x * y for x, y in zip(*args, strict=True)]
            return (sum(products[1:], start=products[0]),)
        return tuple(CALLS[e.function](*lane) for lane in zip(*args, strict=True))


def _unset(scalar: Scalar) -> np.generic:
    """What memory that nothing has written holds: a NaN, or a number that stands out."""
    return DTYPES[scalar](math.nan if scalar in ("f32", "f16") else 0)  # type: ignore[arg-type]


def _divide(a: Array, b: Array) -> Array:
    """Integer division that rounds towards zero; by zero gives zero."""
    safe = np.where(b == 0, 1, b).astype(a.dtype)
    if (a >= 0).all() and (safe > 0).all():
        return a // safe
    quotient = np.abs(a.astype(np.int64)) // np.abs(safe.astype(np.int64))
    return (quotient * np.sign(a) * np.sign(safe)).astype(a.dtype)


def _remainder(a: Array, b: Array) -> Array:
    return np.asarray(a - _divide(a, b) * b)


def _cast(x: Array, scalar: Scalar) -> Array:
    if scalar in ("i32", "u32") and x.dtype.kind == "f":
        limits = np.iinfo(DTYPES[scalar])  # type: ignore[type-var]
        x = np.clip(np.nan_to_num(np.trunc(x), posinf=limits.max, neginf=limits.min), limits.min, limits.max)
        return x.astype(np.int64).astype(DTYPES[scalar])
    return x.astype(DTYPES[scalar])


def _erf(x: Array) -> Array:
    return np.vectorize(math.erf, otypes=[np.float32])(x)


BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": _remainder,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
    "&&": np.logical_and,
    "||": np.logical_or,
    "&": np.bitwise_and,
    "|": np.bitwise_or,
    "^": np.bitwise_xor,
    "<<": np.left_shift,
    ">>": np.right_shift,
}
CALLS: dict[str, Callable[..., Array]] = {
    "abs": np.abs,
    "atan2": np.arctan2,
    "ceil": np.ceil,
    "clamp": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "cos": np.cos,
    "erf": _erf,
    "exp": np.exp,
    "floor": np.floor,
    "isnan": np.isnan,
    "log": np.log,
    "max": np.maximum,
    "min": np.minimum,
    "pow": np.power,
    "round_even": np.rint,
    "rsqrt": lambda x: np.float32(1.0) / np.sqrt(x),
    "sign": np.sign,
    "sin": np.sin,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "trunc": np.trunc,
}
