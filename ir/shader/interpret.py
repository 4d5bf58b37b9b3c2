"""Interprets a kernel with NumPy, all invocations in lockstep: what a kernel means.

A value is an array of shape (lanes, *invocations); an axis that it doesn't depend on stays 1, so
that a weight is loaded once for all the invocations that share it. Control flow that invocations
disagree on runs under a mask.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, assert_never, cast

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
)
from tflgpuc.ir.shader.numpy_functions import CALLS, DTYPES, binary_function, converted, dot, unset
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
from tflgpuc.ir.shader.tree import walk
from tflgpuc.ir.shader.types import Scalar

Array = NDArray[Any]
Mask = Array | None

# Invocations at a time: what a kernel keeps in registers then stays in a CPU's caches.
CHUNK = 1 << 15
# The nodes whose value may be another value's memory, or a view of it.
ALIASES = (Name, Const, Builtin, Lane, Bitcast, Compose)


def interpret(
    kernel: Kernel, buffers: Mapping[str, NDArray[np.uint8]], strict: bool = False
) -> None:
    """Runs every work group; ``buffers`` are the bytes bound to each buffer, written in place.

    Raises KernelError where a running invocation reads or writes outside of a buffer; where
    ``strict`` also if two invocations write one element in the same store.
    """
    for b in kernel.buffers:
        if b.name not in buffers:
            raise KernelError(f"kernel {kernel.name}: nothing is bound to {b.name}")
    bound = {b.name: _elements(b, buffers[b.name]) for b in kernel.buffers}
    with np.errstate(all="ignore"):
        for chunk in _chunks(kernel):
            _Run(kernel, bound, chunk, strict).block(kernel.body, None)


def _elements(buffer: Buffer, data: NDArray[np.uint8]) -> Array:
    """The bound bytes as (elements, lanes) in the storage type."""
    scalar: Scalar = "i32" if buffer.storage == "bool" else buffer.storage
    size = buffer.element_bytes
    whole = data[: data.size // size * size]
    elements: Array = whole.view(DTYPES[scalar])
    return elements.reshape(-1, buffer.element.lanes)


@dataclass(frozen=True)
class _Chunk:
    """Some of the invocations: built-in values by kind and axis, and the shape they span."""

    builtins: Mapping[tuple[str, int], Array]
    shape: tuple[int, ...]
    group: Array
    groups: int


def _chunks(kernel: Kernel) -> Iterator[_Chunk]:
    """The launched invocations, some whole work groups at a time where the body knows of groups."""
    used = {
        e.kind
        for s in walk_stmts(kernel.body)
        for root in exprs(s)
        for e in walk(root)
        if isinstance(e, Builtin)
    }
    if kernel.shared or used - {"global_id"}:
        for ranges in _split(kernel.groups, max(1, CHUNK // math.prod(kernel.size))):
            yield _grouped(ranges, kernel.size)
    else:
        x, y, z = (g * s for g, s in zip(kernel.groups, kernel.size, strict=True))
        for ranges in _split((x, y, z), CHUNK):
            yield _flat(ranges)


def _split(extents: tuple[int, int, int], most: int) -> Iterator[tuple[range, range, range]]:
    """Boxes of at most ``most`` places, long along x."""
    cuts = []
    for extent in extents:
        step = max(1, min(extent, most))
        cuts.append([range(i, min(i + step, extent)) for i in range(0, extent, step)])
        most //= step
    for z, y, x in itertools.product(cuts[2], cuts[1], cuts[0]):
        yield x, y, z


def _along(values: range, axis: int, axes: int) -> Array:
    """Values laid along one axis of ``axes``."""
    shape = [1] * axes
    shape[axis] = len(values)
    return np.asarray(values, np.int32).reshape(shape)


def _flat(ranges: tuple[range, range, range]) -> _Chunk:
    builtins = {("global_id", i): _along(r, 3 - i, 4) for i, r in enumerate(ranges)}
    x, y, z = map(len, ranges)
    return _Chunk(builtins, (z, y, x), np.zeros((1, 1, 1, 1), np.int32), 1)


def _grouped(ranges: tuple[range, range, range], size: tuple[int, int, int]) -> _Chunk:
    builtins: dict[tuple[str, int], Array] = {}
    for i, r in enumerate(ranges):
        group, local = _along(r, 3 - i, 7), _along(range(size[i]), 6 - i, 7)
        builtins["group_id", i] = group
        builtins["local_id", i] = local
        builtins["global_id", i] = group * np.int32(size[i]) + local
    x, y, z = map(len, ranges)
    number = np.arange(x * y * z, dtype=np.int32).reshape(1, z, y, x, 1, 1, 1)
    return _Chunk(builtins, (z, y, x, *reversed(size)), number, x * y * z)


@dataclass
class _Variable:
    """A variable, and the mask under which it was declared: outside of it nobody can see it.

    The array is the variable's own, so that it may be written in place.
    """

    value: Array
    mask: Mask


class _Run:
    """One chunk of invocations walking through the kernel together."""

    def __init__(
        self, kernel: Kernel, bound: Mapping[str, Array], chunk: _Chunk, strict: bool
    ) -> None:
        self.kernel = kernel
        self.bound = bound
        self.chunk = chunk
        self.strict = strict
        self.uniform = (1,) * (len(chunk.shape) + 1)
        self.names: dict[str, Array | _Variable] = {}
        self.constants: dict[Const, Array] = {}
        self.shared = {
            s.name: np.full((chunk.groups * s.count, s.element.lanes), unset(s.element.scalar))
            for s in kernel.shared
        }
        self.mask: Mask = None
        self.where = ""

    # --- statements ---

    def block(self, body: tuple[Stmt, ...], mask: Mask) -> None:
        for s in body:
            self.mask = mask
            self.where = s.loc
            self.stmt(s, mask)

    def stmt(self, s: Stmt, mask: Mask) -> None:
        match s:
            case Let():
                self.names[s.name] = self.own(s.value)
            case Var(value=None):
                start = np.full((s.type.lanes, *self.uniform[1:]), unset(s.type.scalar))
                self.names[s.name] = _Variable(start, mask)
            case Var():
                assert s.value is not None
                self.names[s.name] = _Variable(self.own(s.value), mask)
            case Assign():
                self.assign(s, mask)
            case Store():
                self.store(s, mask)
            case For():
                self.loop(s, mask)
            case If():
                self.branch(s, mask)
            case Barrier():
                # In lockstep, every invocation is here already.
                pass
            case _:
                assert_never(s)

    def assign(self, s: Assign, mask: Mask) -> None:
        variable = self.names[s.name]
        assert isinstance(variable, _Variable)
        old = variable.value
        whole = mask is None or mask is variable.mask
        made = self.own(s.value)
        if s.op:
            f = binary_function(s.op, old.dtype)
            if whole and isinstance(f, np.ufunc) and _covers(old, made):
                f(old, made, out=old)
                return
            made = f(old, made)
        if mask is None or whole:
            variable.value = made
        elif _covers(old, made) and _covers(old, mask):
            np.copyto(old, made, where=mask)
        else:
            variable.value = np.where(mask, made, old)

    def loop(self, s: For, mask: Mask) -> None:
        at, stop = self.value(s.start), self.value(s.stop)
        if at.size == 1 and stop.size == 1:
            for i in range(at.item(), stop.item(), s.step):
                self.names[s.name] = np.full(self.uniform, i, np.int32)
                self.block(s.body, mask)
            return
        while (running := at < stop if mask is None else mask & (at < stop)).any():
            self.names[s.name] = at
            self.block(s.body, running)
            at = at + np.int32(s.step)

    def branch(self, s: If, mask: Mask) -> None:
        condition = self.value(s.condition)
        if (condition if mask is None else condition | ~mask).all():
            self.block(s.then, mask)
            return
        for body, side in ((s.then, condition), (s.otherwise, ~condition)):
            running = side if mask is None else mask & side
            if body and running.any():
                self.block(body, running)

    def store(self, s: Store, mask: Mask) -> None:
        value, index = self.value(s.value), self.value(s.index)
        target, index = self.place(s.memory, index, "writes")
        shape = self.chunk.shape
        at = np.broadcast_to(index[0], shape)
        data = np.moveaxis(np.broadcast_to(value, (target.shape[1], *shape)), 0, -1)
        if mask is not None:
            running = np.broadcast_to(mask[0], shape)
            at, data = at[running], data[running]
        if self.strict and np.unique(at).size != at.size:
            raise self.error(f"several invocations write one element of {s.memory.name}")
        target[at] = data

    # --- memory ---

    def error(self, problem: str) -> KernelError:
        where = f"{self.where}: " if self.where else ""
        return KernelError(f"kernel {self.kernel.name}: {where}{problem}")

    def place(self, memory: Memory, index: Array, what: str) -> tuple[Array, Array]:
        """The elements of a memory, and which of them each invocation means.

        Shared memory is one array a group. Invocations that don't run mean any element.
        """
        elements = (self.shared if isinstance(memory, Shared) else self.bound)[memory.name]
        count = memory.count if isinstance(memory, Shared) else len(elements)
        if index.min() < 0 or index.max() >= count:
            outside = (index < 0) | (index >= count)
            if self.mask is not None:
                outside = outside & self.mask
            if outside.any():
                worst = np.broadcast_to(index, outside.shape)[outside][0]
                raise self.error(f"{what} {memory.name}[{worst}] of {count} elements")
            index = np.clip(index, 0, count - 1)
        return elements, index + self.chunk.group * count if isinstance(memory, Shared) else index

    def load(self, e: Load) -> Array:
        elements, index = self.place(e.memory, self.value(e.index), "reads")
        found = np.moveaxis(elements[index[0]], -1, 0)
        return np.ascontiguousarray(found, DTYPES[e.type.scalar])

    # --- expressions ---

    def own(self, e: Expr) -> Array:
        """The value of an expression in memory that nothing else refers to."""
        value = self.value(e)
        return value.copy() if isinstance(e, ALIASES) else value

    def value(self, e: Expr) -> Array:
        """The value of an expression: (its lanes, or 1 where they are equal; *invocations)."""
        match e:
            case Name():
                known = self.names[e.name]
                return known.value if isinstance(known, _Variable) else known
            case Binary():
                return self.binary(e)
            case Lane():
                vector = self.value(e.vector)
                return vector if len(vector) == 1 else vector[e.index : e.index + 1]
            case Load():
                return self.load(e)
            case Const():
                if e not in self.constants:
                    self.constants[e] = np.full(self.uniform, e.value, DTYPES[e.type.scalar])
                return self.constants[e]
            case Builtin():
                return self.chunk.builtins[e.kind, e.axis]
            case Compose(parts=(part,)):
                return self.value(part)
            case Compose():
                return np.concatenate(np.broadcast_arrays(*map(self.value, e.parts)))
            case Call(function="dot", args=(a, b)):
                return dot(self.value(a), self.value(b), a.type.lanes)
            case Call():
                return CALLS[e.function](*map(self.value, e.args))
            case Unary():
                return (np.logical_not if e.op == "!" else np.negative)(self.value(e.operand))
            case Select():
                sides = self.value(e.if_true), self.value(e.if_false)
                return np.where(self.value(e.condition), *sides)
            case Cast():
                return converted(self.value(e.operand), e.type.scalar)
            case Bitcast():
                return self.value(e.operand).view(DTYPES[e.type.scalar])
            case _:
                assert_never(e)

    def binary(self, e: Binary) -> Array:
        left, right = self.value(e.left), self.value(e.right)
        f = binary_function(e.op, left.dtype)
        temporary = isinstance(e.left, Binary) and e.left.type == e.type
        if temporary and isinstance(f, np.ufunc) and _covers(left, right):
            return cast("Array", f(left, right, out=left))
        return f(left, right)


def _covers(a: Array, b: Array) -> bool:
    """Whether what combines ``a`` and ``b`` has the shape of ``a``."""
    if a.shape == b.shape or b.size == 1:
        return True
    return all(n in (1, m) for m, n in zip(a.shape, b.shape, strict=True))
