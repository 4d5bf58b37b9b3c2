"""Checks that a kernel is well-formed."""

from __future__ import annotations

from tflgpuc.ir.errors import KernelError
from tflgpuc.ir.shader.expr import Buffer, Builtin, Expr, Load, Name, walk
from tflgpuc.ir.shader.stmt import Assign, Barrier, For, If, Kernel, Let, Stmt, Store, Var, exprs
from tflgpuc.ir.shader.types import BOOL, I32, Type


def verify(kernel: Kernel) -> None:
    """Raises KernelError where a name, type or barrier is out of place."""
    _Check(kernel).block(kernel.body, {}, uniform=True)


class _Check:
    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.divergent: set[str] = set()

    def fail(self, s: Stmt, message: str) -> KernelError:
        return KernelError(f"kernel {self.kernel.name}: {s.loc or type(s).__name__}: {message}")

    def block(
        self, body: tuple[Stmt, ...], outer: dict[str, tuple[Type, bool]], uniform: bool
    ) -> None:
        """Checks statements; names map to type and whether they may be assigned."""
        names = dict(outer)
        for s in body:
            for e in exprs(s):
                self.expr(s, e, names)
            match s:
                case Let():
                    self.declare(s, s.name, s.value.type, False, names)
                    if self.varies(s.value):
                        self.divergent.add(s.name)
                case Var():
                    if s.value is not None and s.value.type != s.type:
                        raise self.fail(s, f"{s.name} is {s.type}, set to {s.value.type}")
                    self.declare(s, s.name, s.type, True, names)
                    self.divergent.add(s.name)
                case Assign():
                    if names.get(s.name) != (s.value.type, True):
                        raise self.fail(s, f"{s.name} is no variable of type {s.value.type}")
                case Store():
                    self.store(s)
                case For():
                    if s.start.type != I32 or s.stop.type != I32 or s.step < 1:
                        raise self.fail(s, "a loop counts i32s upwards")
                    inner = dict(names)
                    self.declare(s, s.name, I32, False, inner)
                    same = not (self.varies(s.start) or self.varies(s.stop))
                    if not same:
                        self.divergent.add(s.name)
                    self.block(s.body, inner, uniform and same)
                case If():
                    if s.condition.type != BOOL:
                        raise self.fail(s, f"a condition is a bool, not {s.condition.type}")
                    same = uniform and not self.varies(s.condition)
                    self.block(s.then, names, same)
                    self.block(s.otherwise, names, same)
                case Barrier():
                    if not uniform:
                        raise self.fail(s, "a barrier that not all invocations may reach")

    def declare(
        self, s: Stmt, name: str, type: Type, mutable: bool, names: dict[str, tuple[Type, bool]]
    ) -> None:
        if name in names:
            raise self.fail(s, f"{name} is declared twice")
        names[name] = (type, mutable)

    def store(self, s: Store) -> None:
        if isinstance(s.memory, Buffer) and s.memory.access == "read":
            raise self.fail(s, f"{s.memory.name} is read-only")
        if s.value.type != s.memory.element or s.index.type != I32:
            raise self.fail(s, f"{s.memory.name}[{s.index.type}] = {s.value.type}")

    def expr(self, s: Stmt, e: Expr, names: dict[str, tuple[Type, bool]]) -> None:
        memories = {*self.kernel.buffers, *self.kernel.shared}
        for x in walk(e):
            match x:
                case Name() if x.name not in names:
                    raise self.fail(s, f"{x.name} is not declared here")
                case Name() if names[x.name][0] != x.type:
                    raise self.fail(s, f"{x.name} is {names[x.name][0]}, read as {x.type}")
                case Load() if x.memory not in memories:
                    raise self.fail(s, f"{x.memory.name} is no memory of this kernel")

    def varies(self, e: Expr) -> bool:
        """Whether invocations of one group may disagree about a value."""
        return any(
            (isinstance(x, Builtin) and x.kind != "group_id")
            or isinstance(x, Load)
            or (isinstance(x, Name) and x.name in self.divergent)
            for x in walk(e)
        )
