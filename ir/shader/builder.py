"""Writes a kernel from the top down; Python's loops and lists are its macro language."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Literal

from tflgpuc.ir.shader.expr import (
    Buffer,
    Builtin,
    Expr,
    Memory,
    Name,
    Operand,
    Shared,
    as_expr,
    convert,
    fail,
    here,
    splat,
)
from tflgpuc.ir.shader.stmt import Assign, Barrier, For, If, Kernel, Let, Stmt, Store, Var
from tflgpuc.ir.shader.types import BOOL, I32, Scalar, Type


class Builder:
    """Collects buffers and statements; ``done`` gives the kernel.

    Names are the author's; one used twice gets a number, so that no name is declared twice.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._buffers: list[Buffer] = []
        self._shared: list[Shared] = []
        self._blocks: list[list[Stmt]] = [[]]
        self._taken: set[str] = set()
        self._variables: dict[str, Type] = {}

    def unique(self, name: str) -> str:
        """``name``, or ``name_2`` and so on where it is taken."""
        made, n = name, 1
        while made in self._taken:
            n += 1
            made = f"{name}_{n}"
        self._taken.add(made)
        return made

    def buffer(
        self,
        name: str,
        element: Type,
        count: int,
        access: Literal["read", "write", "read_write"] = "read",
        storage: Scalar | None = None,
        row: int = 0,
    ) -> Buffer:
        """Declares a bound array of ``count`` elements; see Buffer for ``row``."""
        stored = storage or element.scalar
        if stored == "f16" and element.lanes != 4:
            raise fail(f"{name}: f16 storage needs elements of four lanes, not {element}")
        made = Buffer(self.unique(name), element, stored, access, count, row)
        self._buffers.append(made)
        return made

    def shared(self, name: str, element: Type, count: int) -> Shared:
        """Declares an array shared by the work group."""
        made = Shared(self.unique(name), element, count)
        self._shared.append(made)
        return made

    def gid(self, axis: int) -> Expr:
        """This invocation's place in the whole grid."""
        return Builtin(I32, "global_id", axis)

    def lid(self, axis: int) -> Expr:
        """This invocation's place in its group."""
        return Builtin(I32, "local_id", axis)

    def group(self, axis: int) -> Expr:
        """The group's place among the groups."""
        return Builtin(I32, "group_id", axis)

    def let(self, name: str, value: Expr) -> Expr:
        """Names a value."""
        made = self.unique(name)
        self._blocks[-1].append(Let(made, value, here()))
        return Name(value.type, made)

    def var(self, name: str, value: Expr | Type) -> Name:
        """Declares a variable, set to ``value`` or, given a type, not yet set."""
        made = self.unique(name)
        start = None if isinstance(value, Type) else value
        type = value if isinstance(value, Type) else value.type
        self._blocks[-1].append(Var(made, type, start, here()))
        self._variables[made] = type
        return Name(type, made)

    def assign(self, target: Name, value: Operand, op: str = "") -> None:
        """``target = value``, or ``target op= value``."""
        e = splat(as_expr(value, target.type), target.type.lanes)
        if self._variables.get(target.name) != e.type:
            raise fail(f"{target.name} is no variable of type {e.type}")
        self._blocks[-1].append(Assign(target.name, e, op, here()))

    def add(self, target: Name, value: Operand) -> None:
        """``target += value``."""
        self.assign(target, value, "+")

    def store(self, memory: Memory, index: Operand, value: Expr) -> None:
        """``memory[index] = value``."""
        if isinstance(memory, Buffer) and memory.access == "read":
            raise fail(f"{memory.name} is read-only")
        if value.type != memory.element:
            raise fail(f"{memory.name} holds {memory.element}, not {value.type}")
        self._blocks[-1].append(Store(memory, as_expr(index, I32), value, here()))

    def barrier(self) -> None:
        """Waits for the whole group; not inside a branch."""
        self._blocks[-1].append(Barrier(here()))

    @contextmanager
    def _loop(
        self, name: str, start: Expr, stop: Expr, step: int, unroll: bool, loc: str
    ) -> Iterator[Expr]:
        made = self.unique(name)
        self._blocks.append([])
        yield Name(I32, made)
        body = tuple(self._blocks.pop())
        self._blocks[-1].append(For(made, start, stop, step, body, unroll, loc))

    def loop(
        self, name: str, stop: Operand, start: Operand = 0, step: int = 1, unroll: bool = False
    ) -> AbstractContextManager[Expr]:
        """Counts ``name`` from ``start`` to before ``stop``; ``unroll`` where the bounds are known."""
        return self._loop(name, as_expr(start, I32), as_expr(stop, I32), step, unroll, here())

    @contextmanager
    def _when(self, condition: Expr, loc: str) -> Iterator[None]:
        if condition.type != BOOL:
            raise fail(f"a condition is a bool, not {condition.type}")
        self._blocks.append([])
        yield
        body = tuple(self._blocks.pop())
        self._blocks[-1].append(If(condition, body, (), loc))

    def when(self, condition: Expr) -> AbstractContextManager[None]:
        """Runs the block where the condition holds."""
        return self._when(condition, here())

    @contextmanager
    def otherwise(self) -> Iterator[None]:
        """The other side of the ``when`` just before."""
        before = self._blocks[-1][-1] if self._blocks[-1] else None
        if not isinstance(before, If) or before.otherwise:
            raise fail("otherwise() without a when() just before it")
        self._blocks.append([])
        yield
        body = tuple(self._blocks.pop())
        self._blocks[-1][-1] = replace(before, otherwise=body)

    def to_int(self, value: Expr) -> Expr:
        """``value`` as i32, rounded towards zero."""
        return convert(value, "i32")

    def to_float(self, value: Expr) -> Expr:
        """``value`` as f32."""
        return convert(value, "f32")

    def done(self, grid: tuple[int, int, int], group: tuple[int, int, int] | None = None) -> Kernel:
        """The kernel; ``group`` only where the body depends on it, as with shared memory."""
        assert len(self._blocks) == 1, "a block is still open"
        return Kernel(
            self.name,
            grid,
            tuple(self._buffers),
            tuple(self._blocks[0]),
            tuple(self._shared),
            group,
        )
