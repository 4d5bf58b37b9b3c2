"""Checks that a kernel is well-formed."""

from __future__ import annotations

from tflgpuc.ir.errors import KernelError
from tflgpuc.ir.shader.expr import ARITHMETIC, Buffer, Builtin, Expr, Lane, Load, Memory, Name
from tflgpuc.ir.shader.stmt import Assign, Barrier, For, If, Kernel, Let, Stmt, Store, Var, exprs
from tflgpuc.ir.shader.tree import children
from tflgpuc.ir.shader.types import BOOL, I32, Type

# What is in scope: a name's type, and whether it may be assigned.
Scope = dict[str, tuple[Type, bool]]


def verify(kernel: Kernel) -> None:
    """Raises KernelError where a name, type or barrier is out of place."""
    _Check(kernel).block(kernel.body, {}, uniform=True)


class _Check:
    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.memories: set[Memory] = {*kernel.buffers, *kernel.shared}
        self.reserved = {m.name for m in self.memories}
        self.divergent: set[str] = set()

    def fail(self, s: Stmt, message: str) -> KernelError:
        return KernelError(f"kernel {self.kernel.name}: {s.loc or type(s).__name__}: {message}")

    def block(self, body: tuple[Stmt, ...], outer: Scope, uniform: bool) -> None:
        """Checks statements; ``uniform`` says that all invocations of a group get here together."""
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
                    # Assigned anywhere, perhaps by some of the invocations.
                    self.divergent.add(s.name)
                case Assign():
                    self.assign(s, names)
                case Store():
                    self.store(s)
                case For():
                    self.loop(s, names, uniform)
                case If():
                    if s.condition.type != BOOL:
                        raise self.fail(s, f"a condition is a bool, not {s.condition.type}")
                    same = uniform and not self.varies(s.condition)
                    self.block(s.then, names, same)
                    self.block(s.otherwise, names, same)
                case Barrier():
                    if not uniform:
                        raise self.fail(s, "a barrier that not all invocations may reach")

    def declare(self, s: Stmt, name: str, type: Type, mutable: bool, names: Scope) -> None:
        if name in names or name in self.reserved:
            raise self.fail(s, f"{name} is declared twice")
        names[name] = (type, mutable)
        self.divergent.discard(name)

    def assign(self, s: Assign, names: Scope) -> None:
        if names.get(s.name) != (s.value.type, True):
            raise self.fail(s, f"{s.name} is no variable of type {s.value.type}")
        if s.op and s.op not in ARITHMETIC:
            raise self.fail(s, f"{s.op}= is no assignment")

    def store(self, s: Store) -> None:
        if s.memory not in self.memories:
            raise self.fail(s, f"{s.memory.name} is no memory of this kernel")
        if isinstance(s.memory, Buffer) and s.memory.access == "read":
            raise self.fail(s, f"{s.memory.name} is read-only")
        if s.value.type != s.memory.element or s.index.type != I32:
            raise self.fail(s, f"{s.memory.name}[{s.index.type}] = {s.value.type}")

    def loop(self, s: For, names: Scope, uniform: bool) -> None:
        if s.start.type != I32 or s.stop.type != I32 or s.step < 1:
            raise self.fail(s, "a loop counts i32s upwards")
        inner = dict(names)
        self.declare(s, s.name, I32, False, inner)
        same = not (self.varies(s.start) or self.varies(s.stop))
        if not same:
            self.divergent.add(s.name)
        self.block(s.body, inner, uniform and same)

    def expr(self, s: Stmt, e: Expr, names: Scope) -> None:
        match e:
            case Name():
                if e.name not in names:
                    raise self.fail(s, f"{e.name} is not declared here")
                if names[e.name][0] != e.type:
                    raise self.fail(s, f"{e.name} is {names[e.name][0]}, read as {e.type}")
            case Load(memory=memory, index=index):
                if memory not in self.memories:
                    raise self.fail(s, f"{memory.name} is no memory of this kernel")
                if isinstance(memory, Buffer) and memory.access == "write":
                    raise self.fail(s, f"{memory.name} is write-only")
                if index.type != I32 or e.type != memory.element:
                    raise self.fail(s, f"{memory.name}[{index.type}] read as {e.type}")
            case Lane(vector=v, index=i) if not 0 <= i < v.type.lanes:
                raise self.fail(s, f"{v.type} has no lane {i}")
        for x in children(e):
            self.expr(s, x, names)

    def varies(self, e: Expr) -> bool:
        """Whether invocations of one group may disagree about a value."""
        match e:
            case Builtin(kind=kind):
                return kind != "group_id"
            case Name(name=name):
                return name in self.divergent
            case Load(memory=memory) if not (
                isinstance(memory, Buffer) and memory.access == "read"
            ):
                return True
        return any(self.varies(x) for x in children(e))
