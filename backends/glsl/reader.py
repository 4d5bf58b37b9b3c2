"""Reads printed GLSL ES shaders back into kernels, so that what is shipped can be interpreted."""

from __future__ import annotations

import functools
import re
from importlib.resources import files
from typing import Any, Literal, cast

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput

from tflgpuc.backends.glsl.printer import BITCASTS, BUILTINS, COMPARISONS, GlslPrinter
from tflgpuc.ir.errors import BundleError, KernelError
from tflgpuc.ir.shader import (
    F32,
    F32X4,
    I32,
    Assign,
    Barrier,
    Buffer,
    Builtin,
    Expr,
    For,
    If,
    Kernel,
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

Node = Tree[Token]

def _type(name: str) -> Type:
    scalar, _, lanes = name.partition("x")
    return Type(cast("Scalar", scalar), int(lanes or 1))


# GLSL's float is f32; halves exist in memory only.
TYPES: dict[str, Type] = {
    spelling: _type(name)
    for name, spelling in GlslPrinter.types.items()
    if not name.startswith("f16")
}
KINDS = {name: kind for kind, name in BUILTINS.items()}
OPERATORS = {name: op for op, name in COMPARISONS.items()}
BITS = {name: (source, wanted) for (source, wanted), name in BITCASTS.items()}
FUNCTIONS = {"atan": "atan2", "roundEven": "round_even", "inversesqrt": "rsqrt", "erf_approx": "erf"}
LAYOUT = re.compile(r"layout\(local_size_x = (\d+), local_size_y = (\d+), local_size_z = (\d+)\) in;")
BUFFER = re.compile(
    r"layout\(std430, binding = (\d+)\) (readonly |writeonly |)buffer \w+ \{ (\w+) (\w+)\[\]; \};"
)
SHARED = re.compile(r"^shared (\w+) (\w+)\[(\d+)\];", re.MULTILINE)
GRID = re.compile(r"^// grid: (\d+) x (\d+) x (\d+)$", re.MULTILINE)
KERNEL = re.compile(r"^// kernel: (\w+)$", re.MULTILINE)
MAIN = re.compile(r"^void main\(\)", re.MULTILINE)


def read(source: str) -> Kernel:
    """The kernel that a printed shader spells; raises BundleError where it isn't one of ours.

    Buffers are unsized in the text, so their ``count`` is 0.
    """
    name, main = KERNEL.search(source), MAIN.search(source)
    layout, grid = LAYOUT.search(source), GRID.search(source)
    if not (name and main and layout and grid):
        raise BundleError("this is no shader that tflgpuc printed")
    buffers = tuple(_buffer(*found) for found in BUFFER.findall(source))
    shared = tuple(Shared(n, TYPES[t], int(count)) for t, n, count in SHARED.findall(source))
    # Blank lines in front keep the line numbers of messages.
    text = "\n" * source.count("\n", 0, main.start()) + source[main.start() :]
    try:
        tree = _parser().parse(text)
        body = _Reader({m.name: m for m in (*buffers, *shared)}).block(_child(tree, 0))
    except UnexpectedInput as error:
        raise BundleError(f"{name[1]}.comp:{error.line}:{error.column}: can't read this") from None
    except KernelError as error:
        raise BundleError(f"{name[1]}.comp: {error}") from None
    return Kernel(name[1], _three(grid), buffers, body, shared, _three(layout))


def _three(found: re.Match[str]) -> tuple[int, int, int]:
    return int(found[1]), int(found[2]), int(found[3])


def _buffer(binding: str, access: str, element: str, name: str) -> Buffer:
    kinds: dict[str, Literal["read", "write", "read_write"]] = {
        "readonly ": "read",
        "writeonly ": "write",
        "": "read_write",
    }
    if element == "uvec2":
        return Buffer(name, F32X4, "f16", kinds[access], 0)
    type = TYPES[element]
    return Buffer(name, type, type.scalar, kinds[access], 0)


@functools.cache
def _parser() -> Lark:
    grammar = files("tflgpuc.backends.glsl").joinpath("glsl.lark").read_text()
    return Lark(grammar, parser="lalr", propagate_positions=False, maybe_placeholders=False)


def _child(tree: Node, index: int) -> Node:
    found = tree.children[index]
    assert isinstance(found, Tree)
    return found


class _Reader:
    """Turns the parse tree of main() into typed statements; names are unique in a printed shader."""

    def __init__(self, memories: dict[str, Memory]) -> None:
        self.memories = memories
        self.names: dict[str, Type] = {}

    def block(self, tree: Node) -> tuple[Stmt, ...]:
        return tuple(
            made for child in tree.children if (made := self.statement(child)) is not None
        )

    def statement(self, tree: Any) -> Stmt | None:
        match tree.data:
            case "declaration":
                type_name, name, *value = tree.children
                if str(type_name) not in TYPES:
                    raise KernelError(f"line {type_name.line}: no such type: {type_name}")
                type = self.names[str(name)] = TYPES[str(type_name)]
                start = self.fitted(self.expr(value[0]), type) if value else None
                return Var(str(name), type, start, f"line {name.line}")
            case "assignment":
                name, op, value = tree.children
                made = self.fitted(self.expr(value), self.names[str(name)])
                return Assign(str(name), made, str(op)[:-1], f"line {name.line}")
            case "store":
                name, index, value = tree.children
                memory = self.memory(name)
                return Store(memory, self.expr(index), self.expr(value), f"line {name.line}")
            case "for":
                return self.loop(*tree.children)
            case "if":
                condition, then, *rest = tree.children
                otherwise = self.block(rest[0]) if rest else ()
                return If(self.expr(condition), self.block(then), otherwise)
            case "call_statement":
                return Barrier() if str(tree.children[0]) == "barrier" else None
        raise KernelError(f"no such statement: {tree.data}")

    def loop(self, name: Token, start: Any, tested: Token, stop: Any, step: Node, body: Node) -> For:
        if not tested == step.children[0] == name:
            raise KernelError(f"line {name.line}: a loop has one counter")
        by = int(str(step.children[1])) if len(step.children) > 1 else 1
        self.names[str(name)] = I32
        made = self.block(body)
        return For(str(name), self.expr(start), self.expr(stop), by, made, loc=f"line {name.line}")

    def fitted(self, value: Expr, type: Type) -> Expr:
        """The value, which must have this type."""
        if value.type != type:
            raise KernelError(f"{value.type} where {type} is needed")
        return value

    def memory(self, name: Token) -> Memory:
        if str(name) not in self.memories:
            raise KernelError(f"line {name.line}: no such buffer: {name}")
        return self.memories[str(name)]

    def expr(self, tree: Any) -> Expr:
        parts = tree.children
        match tree.data:
            case "int":
                return const(int(parts[0]), I32)
            case "uint":
                return const(int(str(parts[0])[:-1], 0), Type("u32"))
            case "float":
                return const(float(parts[0]), F32)
            case "name":
                return self.named(parts[0])
            case "binary":
                return binary(str(parts[1]), self.expr(parts[0]), self.expr(parts[2]))
            case "unary":
                return unary("-" if str(parts[0]) == "-" else "!", self.expr(parts[1]))
            case "select":
                condition, yes, no = map(self.expr, parts)
                return select(condition, yes, no)
            case "lane":
                return self.lane(*parts)
            case "load":
                return load(self.memory(parts[0]), self.expr(parts[1]))
            case "call":
                return self.called(*parts)
        raise KernelError(f"no such expression: {tree.data}")

    def named(self, name: Token) -> Expr:
        text = str(name)
        if text in ("true", "false"):
            return const(text == "true", Type("bool"))
        if text not in self.names:
            raise KernelError(f"line {name.line}: no such name: {name}")
        return Name(self.names[text], text)

    def lane(self, vector: Any, name: Token) -> Expr:
        return self.expr(vector).lane("xyzw".index(str(name)))

    def called(self, name: Token, *args: Any) -> Expr:
        text = str(name)
        if text == "int" and args[0].data == "lane" and args[0].children[0].data == "name":
            kind = KINDS.get(str(args[0].children[0].children[0]))
            if kind is not None:
                axis = "xyz".index(str(args[0].children[1]))
                return Builtin(I32, kind, axis)  # type: ignore[arg-type]
        values = [self.expr(a) for a in args]
        if text in ("unpack_half4", "pack_half4"):
            return values[0]
        if text in TYPES:
            return self.constructed(TYPES[text], values)
        if text in OPERATORS:
            return binary(OPERATORS[text], values[0], values[1])
        if text in BITS:
            return bitcast(values[0], BITS[text][1])
        if text == "mix" and values[2].type.scalar == "bool":
            return select(values[2], values[1], values[0])
        return call(FUNCTIONS.get(text, text), values[0], *values[1:])

    def constructed(self, type: Type, values: list[Expr]) -> Expr:
        """``vec4(x)``, ``vec4(x, y, z, w)``, ``int(x)`` and the like."""
        scalar = type.scalar
        if len(values) > 1:
            return compose(*(convert(v, scalar) for v in values))
        return splat(convert(values[0], scalar), type.lanes)
