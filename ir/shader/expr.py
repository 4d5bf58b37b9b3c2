"""Expressions of the shader IR: values without effects.

The node set is closed: a printer or pass matches on ``Expr`` and ends in ``assert_never``.
Every constructor function here checks types, so an ill-typed kernel fails at its author's line.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, TypeVar, Union, cast, dataclass_transform

from tflgpuc.ir.errors import KernelError
from tflgpuc.ir.shader.types import BOOL, Scalar, Type

T = TypeVar("T")
BuiltinKind = Literal["global_id", "local_id", "group_id"]
ARITHMETIC = ("+", "-", "*", "/", "%")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
BITWISE = ("&", "|", "^", "<<", ">>")
LOGICAL = ("&&", "||")
FOLDER = __file__.rpartition("/")[0] + "/"

# Built-ins that every language has, or that its legaliser spells out: name -> number of arguments.
FUNCTIONS: dict[str, int] = {
    "abs": 1,
    "atan2": 2,
    "ceil": 1,
    "clamp": 3,
    "cos": 1,
    "dot": 2,
    "erf": 1,
    "exp": 1,
    "floor": 1,
    "isnan": 1,
    "log": 1,
    "max": 2,
    "min": 2,
    "pow": 2,
    "round_even": 1,
    "rsqrt": 1,
    "sign": 1,
    "sin": 1,
    "sqrt": 1,
    "tanh": 1,
    "trunc": 1,
}


def here() -> str:
    """``file.py:line`` of the nearest caller outside the shader IR: where in a kernel we are."""
    frame = sys._getframe(1)
    while frame.f_back and (
        frame.f_code.co_filename.startswith(FOLDER) or "contextlib" in frame.f_code.co_filename
    ):
        frame = frame.f_back
    return f"{frame.f_code.co_filename.rsplit('/', 1)[-1]}:{frame.f_lineno}"


def fail(message: str) -> KernelError:
    """A KernelError at the kernel author's line."""
    return KernelError(f"{here()}: {message}")


@dataclass_transform(frozen_default=True)
def node(cls: type[T]) -> type[T]:
    """A frozen dataclass that remembers its hash: trees are hashed often and never change."""
    made = dataclass(frozen=True)(cls)
    full = made.__hash__

    def remembered(self: T) -> int:
        found = self.__dict__.get("_hash")
        if found is None:
            found = self.__dict__["_hash"] = full(self)
        return cast("int", found)

    made.__hash__ = remembered  # type: ignore[assignment,method-assign]
    return made


@dataclass(frozen=True)
class Node:
    """What every expression has: a type, and the operators that build larger ones."""

    type: Type

    def __add__(self, other: Operand) -> Expr:
        return binary("+", self, other)

    def __radd__(self, other: Operand) -> Expr:
        return binary("+", other, self)

    def __sub__(self, other: Operand) -> Expr:
        return binary("-", self, other)

    def __rsub__(self, other: Operand) -> Expr:
        return binary("-", other, self)

    def __mul__(self, other: Operand) -> Expr:
        return binary("*", self, other)

    def __rmul__(self, other: Operand) -> Expr:
        return binary("*", other, self)

    def __truediv__(self, other: Operand) -> Expr:
        return binary("/", self, other)

    def __rtruediv__(self, other: Operand) -> Expr:
        return binary("/", other, self)

    def __floordiv__(self, other: Operand) -> Expr:
        """Integer division; rounds towards zero as every shading language does."""
        return binary("/", self, other)

    def __mod__(self, other: Operand) -> Expr:
        return binary("%", self, other)

    def __and__(self, other: Operand) -> Expr:
        return binary("&&" if self.type.scalar == "bool" else "&", self, other)

    def __or__(self, other: Operand) -> Expr:
        return binary("||" if self.type.scalar == "bool" else "|", self, other)

    def __xor__(self, other: Operand) -> Expr:
        return binary("^", self, other)

    def __lshift__(self, other: Operand) -> Expr:
        return binary("<<", self, other)

    def __rshift__(self, other: Operand) -> Expr:
        return binary(">>", self, other)

    def __lt__(self, other: Operand) -> Expr:
        return binary("<", self, other)

    def __le__(self, other: Operand) -> Expr:
        return binary("<=", self, other)

    def __gt__(self, other: Operand) -> Expr:
        return binary(">", self, other)

    def __ge__(self, other: Operand) -> Expr:
        return binary(">=", self, other)

    def __neg__(self) -> Expr:
        return unary("-", self)

    def __invert__(self) -> Expr:
        return unary("!", self)

    def eq(self, other: Operand) -> Expr:
        """``self == other`` as an expression; ``==`` itself compares trees."""
        return binary("==", self, other)

    def ne(self, other: Operand) -> Expr:
        """``self != other`` as an expression."""
        return binary("!=", self, other)

    def lane(self, index: int) -> Expr:
        """One component of a vector: 0 is x, 3 is w."""
        if not 0 <= index < self.type.lanes:
            raise fail(f"{self.type} has no lane {index}")
        return Lane(self.type.of(1), cast("Expr", self), index)


@node
class Const(Node):
    """A literal; with several lanes all of them have this value."""

    value: float | int | bool

    def __eq__(self, other: object) -> bool:
        """Whether it is the same literal: 0.0 is not -0.0, and NaN is NaN."""
        if not isinstance(other, Const) or self.type != other.type:
            return False
        a, b = self.value, other.value
        if a != a or b != b:
            return a != a and b != b
        return a == b and math.copysign(1, a) == math.copysign(1, b)


@node
class Name(Node):
    """What a Let, Var or For has named."""

    name: str


@node
class Builtin(Node):
    """One axis (0 is x) of an invocation's place in the grid, as i32."""

    kind: BuiltinKind
    axis: int


@node
class Lane(Node):
    """One component of a vector."""

    vector: Expr
    index: int


@node
class Load(Node):
    """An element of a buffer or of shared memory, widened from storage to its value type."""

    memory: Memory
    index: Expr


@node
class Call(Node):
    """A built-in of FUNCTIONS, lane by lane except ``dot``."""

    function: str
    args: tuple[Expr, ...]


@node
class Unary(Node):
    """``-x`` or ``!x``."""

    op: Literal["-", "!"]
    operand: Expr


@node
class Binary(Node):
    """``left op right``; a scalar side stands for a vector of itself in float arithmetic."""

    op: str
    left: Expr
    right: Expr


@node
class Select(Node):
    """``condition ? if_true : if_false``; lane by lane where the condition is a vector."""

    condition: Expr
    if_true: Expr
    if_false: Expr


@node
class Cast(Node):
    """A conversion by value, lane by lane; float to int rounds towards zero."""

    operand: Expr


@node
class Bitcast(Node):
    """The same bits read as another 32-bit scalar."""

    operand: Expr


@node
class Compose(Node):
    """A vector of scalars; with one part, that part in every lane."""

    parts: tuple[Expr, ...]


@node
class Buffer:
    """A bound array. ``element`` is what kernels see, ``storage`` how each lane is kept.

    f16 storage needs four lanes: GLSL ES keeps such an element as one ``uvec2`` of packed halves. With
    ``row``, a power of two, GLSL reads it from a texture with so many elements to a row instead.
    """

    name: str
    element: Type
    storage: Scalar
    access: Literal["read", "write", "read_write"]
    count: int
    row: int = 0

    def __getitem__(self, index: Operand) -> Expr:
        return load(self, index)

    @property
    def element_bytes(self) -> int:
        """Bytes of one element in memory."""
        return self.element.lanes * (2 if self.storage == "f16" else 4)


@node
class Shared:
    """An array shared by a work group."""

    name: str
    element: Type
    count: int

    def __getitem__(self, index: Operand) -> Expr:
        return load(self, index)


Memory: TypeAlias = Union[Buffer, Shared]
Expr: TypeAlias = Union[
    Const, Name, Builtin, Lane, Load, Call, Unary, Binary, Select, Cast, Bitcast, Compose
]
Operand: TypeAlias = Union[Node, int, float, bool]


def const(value: float | int | bool, type: Type) -> Const:
    """A literal of this type."""
    match type.scalar:
        case "bool":
            return Const(type, bool(value))
        case "i32" | "u32":
            return Const(type, int(value))
        case _:
            return Const(type, float(value))


def as_expr(value: Operand, like: Type) -> Expr:
    """``value`` itself, or a Python number as a literal of ``like``'s scalar."""
    if isinstance(value, Node):
        return cast("Expr", value)
    return const(value, like.of(1))


def binary(op: str, a: Operand, b: Operand) -> Expr:
    """``a op b``, checked."""
    like = a.type if isinstance(a, Node) else b.type if isinstance(b, Node) else None
    if like is None:
        raise fail(f"{a} {op} {b}: no expression among the operands")
    left, right = as_expr(a, like), as_expr(b, like)
    lanes = {left.type.lanes, right.type.lanes} - {1}
    if left.type.scalar != right.type.scalar or len(lanes) > 1:
        raise fail(f"{left.type} {op} {right.type}: the types differ")
    wide = max(left.type.lanes, right.type.lanes)
    if op in LOGICAL and (like.scalar != "bool" or wide != 1):
        raise fail(f"{op} needs scalar bools, not {left.type} and {right.type}")
    if op in BITWISE and not like.is_int:
        raise fail(f"{op} needs integers, not {like}")
    if op == "%" and not like.is_int:
        raise fail("% is for integers")
    # Languages differ in whether a scalar beside a vector is widened; only float arithmetic is safe.
    if wide > 1 and not (like.scalar == "f32" and op in ARITHMETIC):
        left, right = splat(left, wide), splat(right, wide)
    if op in COMPARISONS or op in LOGICAL:
        return Binary(BOOL.of(wide), op, left, right)
    return Binary(like.of(wide), op, left, right)


def unary(op: Literal["-", "!"], a: Node) -> Expr:
    """``-a`` or ``!a``, checked."""
    if (op == "!") != (a.type.scalar == "bool"):
        raise fail(f"{op} on {a.type}")
    return Unary(a.type, op, cast("Expr", a))


def splat(a: Expr, lanes: int) -> Expr:
    """A scalar in every lane; a vector of that many lanes as it is."""
    if a.type.lanes == lanes:
        return a
    if isinstance(a, Const):
        return replace(a, type=a.type.of(lanes))
    return Compose(a.type.of(lanes), (a,))


def compose(*parts: Expr) -> Expr:
    """A vector of 2 or 4 scalars of one type."""
    if len(parts) not in (2, 4) or any(p.type != parts[0].type or p.type.lanes != 1 for p in parts):
        raise fail(f"can't compose {[str(p.type) for p in parts]}")
    return Compose(parts[0].type.of(len(parts)), parts)


def call(function: str, first: Expr, *rest: Operand) -> Expr:
    """A built-in function; Python numbers among ``rest`` take the first argument's type."""
    if function not in FUNCTIONS:
        raise fail(f"no such built-in: {function}")
    args = (first, *(splat(as_expr(a, first.type), first.type.lanes) for a in rest))
    if len(args) != FUNCTIONS[function]:
        raise fail(f"{function} takes {FUNCTIONS[function]} arguments, not {len(args)}")
    if any(a.type != first.type for a in args):
        raise fail(f"{function}: the arguments' types differ: {[str(a.type) for a in args]}")
    match function:
        case "dot":
            type = first.type.of(1)
        case "isnan":
            type = BOOL.of(first.type.lanes)
        case _:
            type = first.type
    return Call(type, function, args)


def select(condition: Expr, if_true: Operand, if_false: Operand) -> Expr:
    """``condition ? if_true : if_false``; a scalar condition chooses whole vectors."""
    like = if_true.type if isinstance(if_true, Node) else if_false.type  # type: ignore[union-attr]
    lanes = like.lanes
    a, b = splat(as_expr(if_true, like), lanes), splat(as_expr(if_false, like), lanes)
    if a.type != b.type or condition.type.scalar != "bool":
        raise fail(f"select({condition.type}, {a.type}, {b.type})")
    if condition.type.lanes not in (1, lanes):
        raise fail(f"a condition of {condition.type.lanes} lanes chooses among {lanes}")
    return Select(a.type, condition, a, b)


def convert(a: Expr, scalar: Scalar) -> Expr:
    """``a`` by value in another scalar type."""
    if a.type.scalar == scalar:
        return a
    return Cast(Type(scalar, a.type.lanes), a)


def bitcast(a: Expr, scalar: Scalar) -> Expr:
    """``a``'s bits as another 32-bit scalar type."""
    if a.type.scalar == scalar:
        return a
    if "f16" in (a.type.scalar, scalar) or "bool" in (a.type.scalar, scalar):
        raise fail(f"can't read {a.type} as {scalar}")
    return Bitcast(Type(scalar, a.type.lanes), a)


def load(memory: Memory, index: Operand) -> Expr:
    """``memory[index]``."""
    at = as_expr(index, Type("i32"))
    if at.type != Type("i32"):
        raise fail(f"{memory.name}[{at.type}]: an index is an i32")
    if isinstance(memory, Buffer) and memory.access == "write":
        raise fail(f"{memory.name} is write-only")
    return Load(memory.element, memory, at)
