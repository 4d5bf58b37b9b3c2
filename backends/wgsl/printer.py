"""Prints kernels as WebGPU Shading Language modules (W3C Candidate Recommendation, 2024)."""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from importlib.resources import files
from typing import ClassVar

import jinja2
import numpy as np

from tflgpuc.backends.printer import PRECEDENCE, Printer, comment_lines, shortest, template
from tflgpuc.backends.wgsl.legalize import legalize
from tflgpuc.ir.shader import (
    I32,
    U32,
    Binary,
    Bitcast,
    Buffer,
    Builtin,
    Call,
    Const,
    Expr,
    For,
    Kernel,
    Select,
    Stmt,
    Type,
    Var,
    const,
)

HELPERS = {
    "unpack_half4": (
        "fn unpack_half4(v: vec2u) -> vec4f"
        " { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }\n"
    ),
    "pack_half4": (
        "fn pack_half4(v: vec4f) -> vec2u"
        " { return vec2u(pack2x16float(v.xy), pack2x16float(v.zw)); }\n"
    ),
    # Calls of functions of one's own are no constant expressions, so their value may be infinite.
    "f32_of": "fn f32_of(bits: u32) -> f32 { return bitcast<f32>(bits); }\n",
    "i32_of": "fn i32_of(bits: u32) -> i32 { return bitcast<i32>(bits); }\n",
    "u32_of": "fn u32_of(bits: i32) -> u32 { return bitcast<u32>(bits); }\n",
    # Abramowitz and Stegun 7.1.26: off by at most 1.5e-7.
    "erf_approx": """\
fn erf_approx4(x: vec4f) -> vec4f {
    let a = abs(x);
    let t = 1.0 / (1.0 + 0.3275911 * a);
    let tail = ((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736;
    return sign(x) * (1.0 - (tail * t + 0.254829592) * t * exp(-a * a));
}
fn erf_approx(x: f32) -> f32 { return erf_approx4(vec4f(x)).x; }
""",
    # WGSL's pow() is that of a positive number.
    "pow_signed": """\
fn pow_signed(x: f32, y: f32) -> f32 {
    if (y == 0.0) {
        return 1.0;
    }
    if (x == 0.0) {
        return select(0.0, f32_of(0x7f800000u), y < 0.0);
    }
    let size = pow(abs(x), y);
    if (x > 0.0) {
        return size;
    }
    if (floor(y) != y) {
        return select(f32_of(0x7fc00000u), size, abs(x) > 3.4028234e38);
    }
    return select(-size, size, floor(0.5 * y) == 0.5 * y);
}
fn pow_signed4(x: vec4f, y: vec4f) -> vec4f {
    return vec4f(
        pow_signed(x.x, y.x), pow_signed(x.y, y.y), pow_signed(x.z, y.z), pow_signed(x.w, y.w));
}
""",
}
# What has no overloads: the helper, and its name for each number of lanes.
HELPED = {
    "erf": ("erf_approx", {1: "erf_approx", 4: "erf_approx4"}),
    "pow": ("pow_signed", {1: "pow_signed", 4: "pow_signed4"}),
}
BUILTINS = {
    "global_id": ("gid", "@builtin(global_invocation_id) gid: vec3u"),
    "local_id": ("lid", "@builtin(local_invocation_id) lid: vec3u"),
    "group_id": ("group", "@builtin(workgroup_id) group: vec3u"),
}
SHIFTS = ("<<", ">>")


class WgslPrinter(Printer):
    """WGSL without extensions: f16 is stored as packed ``vec2u`` and computed in f32."""

    types: ClassVar[dict[str, str]] = {
        "f32": "f32", "f32x2": "vec2f", "f32x4": "vec4f",
        "f16": "f32", "f16x2": "vec2f", "f16x4": "vec4f",
        "i32": "i32", "i32x2": "vec2i", "i32x4": "vec4i",
        "u32": "u32", "u32x2": "vec2u", "u32x4": "vec4u",
        "bool": "bool", "boolx2": "vec2<bool>", "boolx4": "vec4<bool>",
    }  # fmt: skip
    functions: ClassVar[dict[str, str]] = {"round_even": "round", "rsqrt": "inverseSqrt"}
    let: ClassVar[str] = "let {name} = {value};"

    def __init__(self, kernel: Kernel, reserved: Iterable[str], locations: bool = False) -> None:
        super().__init__(kernel, reserved, locations)
        self.places: dict[str, None] = {}
        self.used: set[str] = set()

    def builtin(self, e: Builtin) -> str:
        name, argument = BUILTINS[e.kind]
        self.places[argument] = None
        return f"i32({name}.{'xyz'[e.axis]})"

    def literal(self, value: float, type: Type) -> str:
        if math.isfinite(value):
            return shortest(value)
        bits = 0x7FC00000 if math.isnan(value) else int(np.float32(value).view(np.uint32))
        return f"{self.helper('f32_of')}({bits:#x}u)"

    def function(self, e: Call) -> str:
        if e.function not in HELPED:
            return super().function(e)
        helper, names = HELPED[e.function]
        self.helper(helper)
        if helper == "pow_signed":
            self.helper("f32_of")
        return names[e.type.lanes]

    def call(self, name: str, *args: Expr) -> str:
        # In f(a < b, c > d) WGSL sees a template: less-than stands in parentheses.
        texts = (self.expr(a, PRECEDENCE["+"] if _is_less(a) else 0) for a in args)
        return f"{name}({', '.join(texts)})"

    def load(self, memory: Buffer, text: str) -> str:
        self.used.add(memory.name)
        match memory.storage:
            case "f16":
                return f"{self.helper('unpack_half4')}({text})"
            case "bool":
                return f"{self.type(memory.element)}({text})"
            case _:
                return text

    def stored(self, memory: Buffer, text: str) -> str:
        self.used.add(memory.name)
        match memory.storage:
            case "f16":
                return f"{self.helper('pack_half4')}({text})"
            case "bool":
                return f"{self.element(memory)}({text})"
            case _:
                return text

    def expr(self, e: Expr, outer: int = 0) -> str:
        # There is no ?: to choose one side without computing the other.
        return self.select(e) if isinstance(e, Select) else super().expr(e, outer)

    def select(self, e: Select) -> str:
        return self.call("select", e.if_false, e.if_true, e.condition)

    def bitcast(self, e: Bitcast) -> str:
        if isinstance(e.operand, Const) and e.operand.type.is_int:
            return self._hidden(e.type, int(e.operand.value))
        return self.call(f"bitcast<{self.type(e.type)}>", e.operand)

    def _hidden(self, type: Type, bits: int) -> str:
        """A literal that the compiler of the shader doesn't see as one."""
        given = const(bits & 0xFFFFFFFF, U32) if type.scalar != "u32" else const(bits, I32)
        text = self.call(self.helper(f"{type.scalar}_of"), given)
        return text if type.lanes == 1 else f"{self.type(type)}({text})"

    def binary(self, e: Binary, outer: int) -> str:
        if e.op not in SHIFTS:
            return super().binary(e, outer)
        # Not a << b << c either.
        left, right = (self.expr(x, PRECEDENCE["unary"]) for x in (e.left, e.right))
        return self._wrapped(e.op, f"{left} {e.op} {right}", outer)

    def barrier(self) -> str:
        return "workgroupBarrier();"

    def stmt(self, s: Stmt, depth: int) -> Iterator[str]:
        """The lines of one statement."""
        indent = "    " * depth
        where = f"  // {s.loc}" if self.locations and s.loc else ""
        match s:
            case Var():
                start = "" if s.value is None else f" = {self.expr(s.value)}"
                type = f": {self.type(s.type)}" if s.value is None else ""
                yield f"{indent}var {self.name(s.name)}{type}{start};{where}"
            case For():
                name = self.name(s.name)
                step = f"{name}++" if s.step == 1 else f"{name} += {s.step}"
                test = f"{name} < {self.expr(s.stop, PRECEDENCE['+'])}"
                yield f"{indent}for (var {name} = {self.expr(s.start)}; {test}; {step}) {{{where}"
                yield from self.block(s.body, depth + 1)
                yield f"{indent}}}"
            case _:
                yield from super().stmt(s, depth)

    def element(self, buffer: Buffer) -> str:
        """How an element lies in memory, where there are neither halves nor bools."""
        match buffer.storage:
            case "f16":
                return "vec2u"
            case "bool":
                return self.type(Type("u32", buffer.element.lanes))
            case _:
                return self.type(buffer.element)


def _is_less(e: Expr) -> bool:
    return isinstance(e, Binary) and e.op == "<"


def _text(name: str) -> str:
    return files("tflgpuc.backends.wgsl").joinpath(name).read_text()


@functools.cache
def keywords() -> frozenset[str]:
    """Words that can't be names."""
    return frozenset(_text("keywords.txt").split())


@functools.cache
def _shell() -> jinja2.Template:
    return template(_text("shell.wgsl.j2"))


def print_wgsl(
    kernel: Kernel,
    header: Sequence[str] = (),
    locations: bool = False,
    writable: Collection[int] = (),
) -> str:
    """One complete module whose entry point is ``main``; ``header`` becomes comment lines at its top.

    Binding i of group 0 is the kernel's i-th buffer. It is ``read_write`` where the kernel writes it,
    and where ``writable`` has it: one buffer bound several times in a dispatch, and written, has to
    be writable everywhere. ``locations`` adds the kernel author's ``file.py:line`` to each statement.
    """
    printer = WgslPrinter(kernel, keywords(), locations)
    body = list(printer.block(legalize(kernel).body))
    # What isn't used isn't bound, unless its address is taken.
    unused = [b for b in kernel.buffers if b.name not in printer.used]
    body = [*(f"    _ = &{printer.name(b.name)};" for b in unused), *body]
    buffers = [
        {
            "access": "read" if b.access == "read" and i not in writable else "read_write",
            "element": printer.element(b),
            "name": printer.name(b.name),
        }
        for i, b in enumerate(kernel.buffers)
    ]
    shared = [
        {"element": printer.type(s.element), "name": printer.name(s.name), "count": s.count}
        for s in kernel.shared
    ]
    return _shell().render(
        kernel=kernel,
        header=comment_lines(header),
        buffers=buffers,
        shared=shared,
        helpers=[HELPERS[name] for name in printer.helpers],
        arguments=list(printer.places),
        body="\n".join(body),
    )
