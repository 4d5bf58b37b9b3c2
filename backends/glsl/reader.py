"""Reads printed GLSL ES shaders back into kernels, so that what is shipped can be interpreted."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Literal, TypeAlias, Union, cast

import numpy as np
from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput

from tflgpuc.backends.glsl.printer import BITCASTS, BUILTINS, COMPARISONS, HELPERS, GlslPrinter
from tflgpuc.ir.errors import BundleError, KernelError
from tflgpuc.ir.shader import (
    BOOL,
    F32,
    F32X4,
    I32,
    U32,
    Assign,
    Barrier,
    Buffer,
    Builtin,
    Const,
    Expr,
    For,
    If,
    Kernel,
    Let,
    Memory,
    Name,
    Scalar,
    Shared,
    Stmt,
    Store,
    Type,
    Var,
    binary,
    bitcast,
    call,
    compose,
    const,
    convert,
    load,
    select,
    splat,
    unary,
)
from tflgpuc.ir.shader.expr import BuiltinKind

Node: TypeAlias = Tree[Token]
Child: TypeAlias = Union[Node, Token]


def _type(name: str) -> Type:
    scalar, _, lanes = name.partition("x")
    return Type(cast("Scalar", scalar), int(lanes or 1))


# GLSL's float is f32; halves exist in memory only.
TYPES: dict[str, Type] = {
    spelling: _type(name)
    for name, spelling in GlslPrinter.types.items()
    if not name.startswith("f16")
}
KINDS = {name: cast("BuiltinKind", kind) for kind, name in BUILTINS.items()}
OPERATORS = {name: op for op, name in COMPARISONS.items()}
BITS = {name: cast("tuple[Scalar, Scalar]", types) for types, name in BITCASTS.items()}
FUNCTIONS = {name: ours for ours, name in GlslPrinter.functions.items()} | {"erf_approx": "erf"}
ACCESS: dict[str, Literal["read", "write", "read_write"]] = {
    "readonly ": "read",
    "writeonly ": "write",
    "": "read_write",
}

LAYOUT = re.compile(
    r"^layout\(local_size_x = (\d+), local_size_y = (\d+), local_size_z = (\d+)\) in;", re.M
)
BUFFER = re.compile(
    r"^layout\(std430, binding = (\d+)\) (readonly |writeonly |)"
    r"buffer \w+ \{ (\w+) (\w+)\[\]; \};",
    re.M,
)
TEXTURE = re.compile(
    r"^layout\(binding = 0\) uniform highp sampler2D (\w+); "
    r"// binding (\d+): (f32|f16), (\d+) to a row$",
    re.M,
)
SHARED = re.compile(r"^shared (\w+) (\w+)\[(\d+)\];", re.M)
FUNCTION = re.compile(r"^\w+ (\w+)\(.*\) \{", re.M)
GRID = re.compile(r"^// grid: (\d+) x (\d+) x (\d+)$", re.M)
KERNEL = re.compile(r"^// kernel: (\S+)$", re.M)
MAIN = re.compile(r"^void main\(\)", re.M)


def read(source: str) -> Kernel:
    """The kernel that a printed shader spells.

    Buffers are unsized in the text, so their ``count`` is 0. Raises BundleError, with the kernel,
    line and column, where the text isn't what tflgpuc prints.
    """
    name, main = KERNEL.search(source), MAIN.search(source)
    layout, grid = LAYOUT.search(source), GRID.search(source)
    if not (name and main and layout and grid):
        raise BundleError("this is no shader that tflgpuc printed")
    _check_helpers(name[1], source[: main.start()])
    try:
        buffers = tuple(_buffer(*found) for found in BUFFER.findall(source))
        for name_, binding, storage, row in TEXTURE.findall(source):
            texture = Buffer(name_, F32X4, cast("Scalar", storage), "read", 0, int(row))
            buffers = (*buffers[: int(binding)], texture, *buffers[int(binding) :])
        shared = tuple(Shared(n, TYPES[t], int(count)) for t, n, count in SHARED.findall(source))
    except KeyError as error:
        raise BundleError(f"{name[1]}.comp: no such type: {error.args[0]}") from None
    # Blank lines in front keep the line numbers of messages.
    text = "\n" * source.count("\n", 0, main.start()) + source[main.start() :]
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        where = f"{name[1]}.comp:{error.line}:{error.column}"
        raise BundleError(f"{where}: a printed shader has no such thing here") from None
    memories: dict[str, Memory] = {b.name: b for b in buffers}
    memories |= {s.name: s for s in shared}
    body = _Reader(name[1], memories, tree).block(tree.children[0])
    return Kernel(name[1], _three(grid), buffers, body, shared, _three(layout))


def _three(found: re.Match[str]) -> tuple[int, int, int]:
    return int(found[1]), int(found[2]), int(found[3])


def _check_helpers(kernel: str, head: str) -> None:
    """Helper functions are known by name, so their text must be ours."""
    for name in FUNCTION.findall(head):
        if name not in HELPERS or HELPERS[name] not in head:
            raise BundleError(f"{kernel}.comp: {name}() is no helper function of ours")


def _buffer(binding: str, access: str, element: str, name: str) -> Buffer:
    # No kernel keeps pairs of u32: a uvec2 is four packed halves.
    type = F32X4 if element == "uvec2" else TYPES[element]
    return Buffer(name, type, "f16" if element == "uvec2" else type.scalar, ACCESS[access], 0)


@functools.cache
def _parser() -> Lark:
    grammar = files("tflgpuc.backends.glsl").joinpath("glsl.lark").read_text()
    return Lark(grammar, parser="lalr", propagate_positions=False, maybe_placeholders=False)


def _tokens(tree: Child) -> Iterator[Token]:
    if isinstance(tree, Token):
        yield tree
    else:
        for child in tree.children:
            yield from _tokens(child)


class _Reader:
    """Turns the parse tree of main() into typed statements.

    One namespace is enough: names are unique in a printed shader.
    """

    def __init__(self, kernel: str, memories: dict[str, Memory], tree: Node) -> None:
        self.kernel = kernel
        self.memories = memories
        self.names: dict[str, Type] = {}
        self.assigned = {str(t.children[0]) for t in tree.find_data("assignment")}

    def error(self, at: Child, message: str) -> BundleError:
        """A BundleError where this piece of text begins."""
        token = next(_tokens(at))
        return BundleError(f"{self.kernel}.comp:{token.line}:{token.column}: {message}")

    # --- statements ---

    def block(self, tree: Child) -> tuple[Stmt, ...]:
        assert isinstance(tree, Tree)
        made = (self.statement(child) for child in tree.children)
        return tuple(s for s in made if s is not None)

    def statement(self, tree: Child) -> Stmt | None:
        assert isinstance(tree, Tree)
        first = next(_tokens(tree))
        loc = f"line {first.line}"
        match tree.data, tree.children:
            case "declaration", [Token() as type, Token() as name, *value]:
                return self.declaration(type, name, value, loc)
            case "assignment", [Token() as name, Token() as op, value]:
                if name not in self.names:
                    raise self.error(name, f"no such variable: {name}")
                fitted = self.fitted(value, self.names[name])
                return Assign(str(name), fitted, str(op)[:-1], loc)
            case "store", [Token() as name, index, value]:
                return self.store(name, index, value, loc)
            case "for", [Token() as name, start, tested, stop, Tree() as step, body]:
                if not tested == step.children[0] == name:
                    raise self.error(name, "a loop has one counter")
                by = int(str(step.children[1])) if len(step.children) > 1 else 1
                rolled = False
                if isinstance(stop, Tree) and stop.children[:1] == ["rolled"]:
                    rolled, stop = True, stop.children[1]
                bounds = self.fitted(start, I32), self.fitted(stop, I32)
                self.names[str(name)] = I32
                return For(str(name), *bounds, by, self.block(body), loc=loc, rolled=rolled)
            case "if", [_, condition, then, *rest]:
                otherwise = self.block(rest[0]) if rest else ()
                return If(self.fitted(condition, BOOL), self.block(then), otherwise, loc)
            case "call_statement", [Token("NAME", "barrier")]:
                return Barrier(loc)
            case "call_statement", [Token("NAME", "memoryBarrierShared")]:
                return None
        raise self.error(first, "a printed shader has no such statement")

    def declaration(self, type: Token, name: Token, value: list[Child], loc: str) -> Let | Var:
        if type not in TYPES:
            raise self.error(type, f"no such type: {type}")
        start = self.fitted(value[0], TYPES[type]) if value else None
        self.names[str(name)] = TYPES[type]
        if start is None or name in self.assigned:
            return Var(str(name), TYPES[type], start, loc)
        return Let(str(name), start, loc)

    def store(self, name: Token, index: Child, value: Child, loc: str) -> Store:
        memory = self.memory(name)
        if isinstance(memory, Buffer) and memory.access == "read":
            raise self.error(name, f"{name} is read-only")
        if _packed(memory):
            match value:
                case Tree(data="call", children=[Token("NAME", "pack_half4"), inner]):
                    value = inner
                case _:
                    raise self.error(value, f"{name} takes packed halves")
        return Store(memory, self.fitted(index, I32), self.fitted(value, memory.element), loc)

    def memory(self, name: Token) -> Memory:
        if name not in self.memories:
            raise self.error(name, f"no such buffer: {name}")
        return self.memories[name]

    # --- expressions ---

    def fitted(self, tree: Child, type: Type) -> Expr:
        """The value of an expression, which must have this type."""
        value = self.expr(tree)
        if value.type != type:
            raise self.error(tree, f"{value.type} where {type} is needed")
        return value

    def expr(self, tree: Child) -> Expr:
        assert isinstance(tree, Tree)
        try:
            return self.typed(tree)
        except KernelError as error:
            # The message begins with a line of this file, which helps nobody.
            raise self.error(tree, str(error).partition(": ")[2]) from None

    def typed(self, tree: Node) -> Expr:
        match tree.data, tree.children:
            case "int", [text]:
                return self.integer(text, int(str(text)), I32, 2**31)
            case "uint", [text]:
                return self.integer(text, int(str(text)[:-1], 0), U32, 2**32)
            case "float", [text]:
                return const(float(str(text)), F32)
            case "name", [Token() as name]:
                return self.named(name)
            case "binary", [left, op, right]:
                return binary(str(op), self.expr(left), self.expr(right))
            case "unary", [op, operand]:
                return _negative(self.expr(operand)) if op == "-" else ~self.expr(operand)
            case "select", [condition, if_true, if_false]:
                return select(self.expr(condition), self.expr(if_true), self.expr(if_false))
            case "lane", [vector, Token() as lane]:
                if len(lane) != 1 or lane not in "xyzw":
                    raise self.error(lane, f"no such lane: {lane}")
                return self.expr(vector).lane("xyzw".index(lane))
            case "load", [Token() as name, index]:
                memory = self.memory(name)
                if _packed(memory):
                    raise self.error(name, f"{name} holds packed halves")
                return load(memory, self.expr(index))
            case "call", [Token() as name, *args]:
                return self.called(name, args)
        raise self.error(tree, "a printed shader has no such expression")

    def integer(self, at: Child, value: int, type: Type, stop: int) -> Const:
        if value >= stop:
            raise self.error(at, f"{value} doesn't fit {type}")
        return const(value, type)

    def named(self, name: Token) -> Expr:
        if name in ("true", "false"):
            return const(name == "true", BOOL)
        if name not in self.names:
            raise self.error(name, f"no such name: {name}")
        return Name(self.names[name], str(name))

    def called(self, name: Token, args: list[Child]) -> Expr:
        """A built-in or helper function, or a constructor."""
        match str(name), args:
            case "int", [Tree(data="lane", children=[Tree(data="name", children=[kind]), axis])]:
                if str(kind) in KINDS and str(axis) in ("x", "y", "z"):
                    return Builtin(I32, KINDS[str(kind)], "xyz".index(str(axis)))
            case "unpack_half4", [Tree(data="load", children=[Token() as buffer, index])]:
                memory = self.memory(buffer)
                if not _packed(memory):
                    raise self.error(buffer, f"{buffer} holds no packed halves")
                return load(memory, self.expr(index))
            case "texelFetch", [Tree(data="name", children=[Token() as texture]), at, _]:
                return self.texel(texture, at)
        values = [self.expr(a) for a in args]
        match str(name), values:
            case text, [_, *_] if text in TYPES:
                return self.constructed(name, TYPES[text], values)
            case text, [a, b] if text in OPERATORS:
                return binary(OPERATORS[text], a, b)
            case text, [a] if text in BITS and a.type.scalar == BITS[text][0]:
                return _bits(a, BITS[text][1])
            case "not", [a]:
                return unary("!", a)
            case "mix", [if_false, if_true, condition]:
                return select(condition, if_true, if_false)
            case text, [first, *rest]:
                return call(FUNCTIONS.get(text, text), first, *rest)
        raise self.error(name, f"{name}() without arguments")

    def texel(self, name: Token, at: Child) -> Expr:
        """An element of a buffer that is a texture, by column and row."""
        memory = self.memory(name)
        match at:
            case Tree(data="call", children=[Token("NAME", "ivec2"), column, row]) if (
                isinstance(memory, Buffer) and memory.row
            ):
                return load(memory, self.expr(row) * memory.row + self.expr(column))
        raise self.error(name, f"{name} is no texture, or this is no place in it")

    def constructed(self, name: Token, type: Type, values: list[Expr]) -> Expr:
        """``vec4(x)``, ``vec4(x, y, z, w)``, ``int(x)`` and the like."""
        lanes = [v.type.lanes for v in values]
        if lanes == [1] * type.lanes and type.lanes > 1:
            return compose(*(convert(v, type.scalar) for v in values))
        if lanes not in ([1], [type.lanes]):
            raise self.error(name, f"{name}() of {', '.join(str(v.type) for v in values)}")
        return splat(convert(values[0], type.scalar), type.lanes)


def _packed(memory: Memory) -> bool:
    return isinstance(memory, Buffer) and memory.storage == "f16" and not memory.row


def _bits(value: Expr, scalar: Scalar) -> Expr:
    """Bits read as another type; infinities and NaN are printed so, and are literals."""
    if isinstance(value, Const) and (value.type.scalar, scalar) == ("u32", "f32"):
        return const(float(np.uint32(value.value).view(np.float32)), F32)
    return bitcast(value, scalar)


def _negative(value: Expr) -> Expr:
    """A negative literal is one literal, not an operation."""
    if isinstance(value, Const) and value.type.scalar in ("f32", "i32"):
        return const(-value.value, value.type)
    return unary("-", value)
