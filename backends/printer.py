"""What printers of C-like shading languages share: precedence, statements, names."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import ClassVar, assert_never

import jinja2
import numpy as np

from tflgpuc.ir.shader import (
    Assign,
    Barrier,
    Binary,
    Bitcast,
    Buffer,
    Builtin,
    Call,
    Cast,
    Compose,
    Const,
    Expr,
    For,
    If,
    Kernel,
    Lane,
    Let,
    Load,
    Memory,
    Name,
    Select,
    Stmt,
    Store,
    Type,
    Unary,
    Var,
)

# C's levels, loosest first; GLSL and MSL agree with it.
PRECEDENCE = {
    "?:": 1, "||": 2, "&&": 3, "|": 4, "^": 5, "&": 6,
    "==": 7, "!=": 7, "<": 8, "<=": 8, ">": 8, ">=": 8,
    "<<": 9, ">>": 9, "+": 10, "-": 10, "*": 11, "/": 11, "%": 11, "unary": 12, "postfix": 13,
}  # fmt: skip


COMPARISONS = {op for op, level in PRECEDENCE.items() if level in (7, 8)}
BITS = {"|", "^", "&", "<<", ">>"}


class Namer:
    """Makes the author's names legal and unique in a language; one scope a shader."""

    def __init__(self, reserved: Iterable[str]) -> None:
        self._taken = set(reserved)
        self._given: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        """The printed form of an author's name; always the same for the same name."""
        if name not in self._given:
            self._given[name] = self.fresh(name)
        return self._given[name]

    def fresh(self, name: str) -> str:
        """A name like this one that nothing else has."""
        # Two underscores in a row, and one in front, are reserved in GLSL or C++.
        wanted = re.sub(r"[\W_]+", "_", name, flags=re.ASCII).strip("_").removeprefix("gl_")
        if not wanted or wanted[0].isdigit():
            wanted = f"x{wanted}"
        made = wanted
        n = 0
        while made in self._taken:
            n += 1
            made = f"{wanted}_{n}"
        self._taken.add(made)
        return made


class Printer(ABC):
    """Prints one kernel's statements; a language says how types, names and built-ins are spelt.

    ``locations`` adds the kernel author's ``file.py:line`` to each statement. ``helpers`` collects
    the helper functions that the text needs.
    """

    types: ClassVar[dict[str, str]]
    functions: ClassVar[dict[str, str]] = {}
    let: ClassVar[str] = "{type} {name} = {value};"

    def __init__(self, kernel: Kernel, reserved: Iterable[str], locations: bool = False) -> None:
        self.kernel = kernel
        self.locations = locations
        self.helpers: dict[str, None] = {}
        self.name = Namer(reserved)
        memories: tuple[Memory, ...] = (*kernel.buffers, *kernel.shared)
        for memory in memories:
            self.name(memory.name)

    # --- what a language says ---

    @abstractmethod
    def builtin(self, e: Builtin) -> str:
        """An invocation's place as a signed integer."""

    @abstractmethod
    def literal(self, value: float, type: Type) -> str:
        """A scalar float literal."""

    @abstractmethod
    def load(self, memory: Buffer, text: str) -> str:
        """A buffer's element widened from storage."""

    @abstractmethod
    def stored(self, memory: Buffer, text: str) -> str:
        """A value narrowed to storage."""

    @abstractmethod
    def select(self, e: Select) -> str:
        """A choice lane by lane."""

    @abstractmethod
    def bitcast(self, e: Bitcast) -> str:
        """The same bits as another type."""

    @abstractmethod
    def barrier(self) -> str:
        """Waits for the work group, its shared stores done."""

    def before_rolled(self) -> Sequence[str]:
        """Lines before a loop that compilers mustn't unroll, where the language has any."""
        return ()

    def rolled(self, stop: str) -> str:
        """The bound of such a loop."""
        return stop

    # --- what they share ---

    def type(self, type: Type) -> str:
        """A type's name."""
        return self.types[str(type)]

    def declared(self, type: Type) -> str:
        """A type's name where a variable is declared."""
        return self.type(type)

    def helper(self, name: str) -> str:
        """Notes that a helper function is needed; gives its name."""
        self.helpers[name] = None
        return name

    def function(self, e: Call) -> str:
        """The name of a built-in function, or of the helper function that stands in for it."""
        return self.functions.get(e.function, e.function)

    def call(self, name: str, *args: Expr) -> str:
        """A call of a function of the language."""
        return f"{name}({', '.join(map(self.expr, args))})"

    def const(self, e: Const) -> str:
        """A literal, splat where it has lanes."""
        match e.type.scalar:
            case "bool":
                text = "true" if e.value else "false"
            case "i32":
                # The smallest int has no literal of its own: its digits alone don't fit.
                text = str(e.value) if e.value != -(2**31) else f"(-{2**31 - 1} - 1)"
            case "u32":
                # What needs more than 16 bits is a mask or a float's bits; those read best in hex.
                text = f"{e.value}u" if e.value < 1 << 16 else f"{int(e.value):#x}u"
            case "f32" | "f16":
                text = self.literal(float(np.float32(e.value)), e.type)
        return text if e.type.lanes == 1 else f"{self.type(e.type)}({text})"

    def expr(self, e: Expr, outer: int = 0) -> str:
        """An expression; in parentheses where it binds less tightly than ``outer``."""
        match e:
            case Const():
                text = self.const(e)
                return self._wrapped("unary", text, outer) if text.startswith("-") else text
            case Name():
                return self.name(e.name)
            case Builtin():
                return self.builtin(e)
            case Lane():
                return f"{self.expr(e.vector, PRECEDENCE['postfix'])}.{'xyzw'[e.index]}"
            case Load():
                return self.loaded(e)
            case Call():
                return self.call(self.function(e), *e.args)
            case Unary():
                return self.unary(e, outer)
            case Binary():
                return self.binary(e, outer)
            case Select():
                if e.condition.type.lanes > 1:
                    return self.select(e)
                text = (
                    f"{self.expr(e.condition, 2)} ? {self.expr(e.if_true, 2)} "
                    f": {self.expr(e.if_false, 1)}"
                )
                return self._wrapped("?:", text, outer)
            case Cast():
                return self.call(self.type(e.type), e.operand)
            case Bitcast():
                return self.bitcast(e)
            case Compose():
                return self.call(self.type(e.type), *e.parts)
            case _:
                assert_never(e)

    def loaded(self, e: Load) -> str:
        """An element of a buffer or of shared memory."""
        text = f"{self.name(e.memory.name)}[{self.expr(e.index)}]"
        return self.load(e.memory, text) if isinstance(e.memory, Buffer) else text

    def unary(self, e: Unary, outer: int) -> str:
        """An operator in front of its operand."""
        # Postfix as the level: no language reads -- or !! as two operators.
        return self._wrapped("unary", f"{e.op}{self.expr(e.operand, PRECEDENCE['postfix'])}", outer)

    def binary(self, e: Binary, outer: int) -> str:
        """An operator between its operands."""
        level = PRECEDENCE[e.op]
        inner = _inner(e.op)
        op, right = e.op, e.right
        if op in ("+", "-") and isinstance(right, Const) and _negatable(right):
            op, right = "-" if op == "+" else "+", replace(right, value=-right.value)
        same = isinstance(e.left, Binary) and e.left.op == e.op and e.op not in COMPARISONS
        left = self.expr(e.left, level if same else inner)
        return self._wrapped(e.op, f"{left} {op} {self.expr(right, max(inner, level + 1))}", outer)

    def _wrapped(self, level: str, text: str, outer: int) -> str:
        return f"({text})" if PRECEDENCE[level] < outer else text

    def block(self, body: Iterable[Stmt], depth: int = 1) -> Iterator[str]:
        """The lines of a block."""
        for s in body:
            yield from self.stmt(s, depth)

    def stmt(self, s: Stmt, depth: int) -> Iterator[str]:
        """The lines of one statement."""
        indent = "    " * depth
        where = f"  // {s.loc}" if self.locations and s.loc else ""
        match s:
            case Let():
                type = self.declared(s.value.type)
                value = self.expr(s.value)
                text = self.let.format(type=type, name=self.name(s.name), value=value)
                yield f"{indent}{text}{where}"
            case Var():
                start = "" if s.value is None else f" = {self.expr(s.value)}"
                yield f"{indent}{self.declared(s.type)} {self.name(s.name)}{start};{where}"
            case Assign():
                yield f"{indent}{self.name(s.name)} {s.op}= {self.expr(s.value)};{where}"
            case Store():
                value = self.expr(s.value)
                if isinstance(s.memory, Buffer):
                    value = self.stored(s.memory, value)
                at = f"{self.name(s.memory.name)}[{self.expr(s.index)}]"
                yield f"{indent}{at} = {value};{where}"
            case For():
                name = self.name(s.name)
                step = f"{name}++" if s.step == 1 else f"{name} += {s.step}"
                stop = self.expr(s.stop, _inner("<"))
                if s.rolled:
                    yield from (f"{indent}{line}" for line in self.before_rolled())
                    stop = self.rolled(stop)
                test = f"{name} < {stop}"
                yield f"{indent}for (int {name} = {self.expr(s.start)}; {test}; {step}) {{{where}"
                yield from self.block(s.body, depth + 1)
                yield f"{indent}}}"
            case If():
                yield f"{indent}if ({self.expr(s.condition)}) {{{where}"
                yield from self.block(s.then, depth + 1)
                if s.otherwise:
                    yield f"{indent}}} else {{"
                    yield from self.block(s.otherwise, depth + 1)
                yield f"{indent}}}"
            case Barrier():
                yield f"{indent}{self.barrier()}{where}"
            case _:
                assert_never(s)


def _inner(op: str) -> int:
    """How tightly an operand must bind to stand without parentheses.

    Where precedence is easily misread, compilers warn and people stumble: then even an operand that
    binds more tightly gets them.
    """
    if op in BITS:
        return PRECEDENCE["unary"]
    if op in COMPARISONS:
        return PRECEDENCE["+"]
    return PRECEDENCE["=="] if op in ("&&", "||") else PRECEDENCE[op]


def _negatable(e: Const) -> bool:
    """Whether ``+ e`` reads better as ``- -e``, and the other way round."""
    return e.type.lanes == 1 and e.type.scalar != "bool" and -(2**31) < e.value < 0


def shortest(value: float) -> str:
    """The shortest decimal that reads back as the same f32, always with a point or exponent.

    ``value`` is finite: neither language has a literal for what isn't.
    """
    text = str(np.float32(value))
    if text.lstrip("-") == "3.4028235e+38":
        # The shortest decimal of the largest f32 lies above it, which ANGLE calls an overflow.
        return text.replace("235e", "234e")
    return text if "." in text or "e" in text else f"{text}.0"


def comment_lines(lines: Sequence[str]) -> list[str]:
    """Lines that can't end or continue the comment that they stand in."""
    # A backslash at the end would draw the next line into the comment.
    return [" ".join(line.replace("\\", "/").splitlines()) for line in lines]


def template(text: str) -> jinja2.Template:
    """A shader's shell."""
    return jinja2.Environment(
        autoescape=False,
        keep_trailing_newline=True,
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    ).from_string(text)
