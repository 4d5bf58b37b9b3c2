"""Prints kernels as OpenGL ES 3.10 compute shaders (GLSL ES specification 3.10)."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import ClassVar

import jinja2

from tflgpuc.backends.glsl.legalize import legalize
from tflgpuc.backends.glsl.texels import place_texels
from tflgpuc.backends.printer import Printer, comment_lines, shortest, template
from tflgpuc.ir.errors import KernelError
from tflgpuc.ir.shader import (
    Binary,
    Bitcast,
    Buffer,
    Builtin,
    Call,
    Expr,
    Kernel,
    Load,
    Select,
    Type,
    Unary,
)

HELPERS = {
    "unpack_half4": (
        "vec4 unpack_half4(uvec2 v) { return vec4(unpackHalf2x16(v.x), unpackHalf2x16(v.y)); }\n"
    ),
    "pack_half4": (
        "uvec2 pack_half4(vec4 v) { return uvec2(packHalf2x16(v.xy), packHalf2x16(v.zw)); }\n"
    ),
    # The bound of a loop that stays one: what compilers don't know they don't unroll. No group has a
    # negative number.
    "rolled": "int rolled(int stop) { return stop + min(int(gl_WorkGroupID.x), 0); }\n",
    # Abramowitz and Stegun 7.1.26: off by at most 1.5e-7.
    "erf_approx": """\
vec4 erf_approx(vec4 x) {
    vec4 a = abs(x);
    vec4 t = 1.0 / (1.0 + 0.3275911 * a);
    vec4 tail = ((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736;
    return sign(x) * (1.0 - (tail * t + 0.254829592) * t * exp(-a * a));
}
float erf_approx(float x) { return erf_approx(vec4(x)).x; }
""",
    # The sines of GPUs are off by 2^-11, and by more for large x. Ours reduce x to -pi .. pi in three
    # steps (Cody and Waite) and evaluate a polynomial that is off by 4e-9 up to pi / 2.
    "within_turn": """\
vec4 within_turn(vec4 x) {
    vec4 n = roundEven(0.15915494 * x);
    return ((x - 6.28125 * n) - 0.0019340515 * n) - 1.2556796e-6 * n;
}
""",
    "sin_folded": """\
vec4 sin_folded(vec4 x) {
    vec4 s = x * x;
    vec4 tail = ((-2.3889859e-8 * s + 2.7525562e-6) * s - 1.9840874e-4) * s + 8.3333310e-3;
    return x + x * s * (tail * s - 0.16666667);
}
""",
    "sin_reduced": """\
vec4 sin_reduced(vec4 x) {
    vec4 r = within_turn(x);
    return sin_folded(mix(r, sign(r) * 3.1415927 - r, greaterThan(abs(r), vec4(1.5707964))));
}
float sin_reduced(float x) { return sin_reduced(vec4(x)).x; }
""",
    "cos_reduced": """\
vec4 cos_reduced(vec4 x) { return sin_folded(1.5707964 - abs(within_turn(x))); }
float cos_reduced(float x) { return cos_reduced(vec4(x)).x; }
""",
    # GLSL leaves pow() undefined for x < 0, and for x = 0 where y <= 0.
    "pow_signed": """\
float pow_signed(float x, float y) {
    if (y == 0.0) {
        return 1.0;
    }
    if (x == 0.0) {
        return y < 0.0 ? uintBitsToFloat(0x7f800000u) : 0.0;
    }
    float size = pow(abs(x), y);
    if (x > 0.0) {
        return size;
    }
    if (floor(y) != y) {
        return abs(x) > 3.4028235e38 ? size : uintBitsToFloat(0x7fc00000u);
    }
    return floor(0.5 * y) == 0.5 * y ? size : -size;
}
vec4 pow_signed(vec4 x, vec4 y) {
    return vec4(
        pow_signed(x.x, y.x), pow_signed(x.y, y.y), pow_signed(x.z, y.z), pow_signed(x.w, y.w));
}
""",
}
NEEDS = dict.fromkeys(("cos_reduced", "sin_reduced"), ("within_turn", "sin_folded"))
COMPARISONS = {
    "<": "lessThan",
    "<=": "lessThanEqual",
    ">": "greaterThan",
    ">=": "greaterThanEqual",
    "==": "equal",
    "!=": "notEqual",
}
BUILTINS = {
    "global_id": "gl_GlobalInvocationID",
    "local_id": "gl_LocalInvocationID",
    "group_id": "gl_WorkGroupID",
}
BITCASTS = {
    ("f32", "i32"): "floatBitsToInt",
    ("f32", "u32"): "floatBitsToUint",
    ("i32", "f32"): "intBitsToFloat",
    ("u32", "f32"): "uintBitsToFloat",
}


class GlslPrinter(Printer):
    """GLSL ES 3.10. It has no half: f16 is stored as packed ``uvec2`` and computed as mediump."""

    types: ClassVar[dict[str, str]] = {
        "f32": "float", "f32x2": "vec2", "f32x4": "vec4",
        "f16": "float", "f16x2": "vec2", "f16x4": "vec4",
        "i32": "int", "i32x2": "ivec2", "i32x4": "ivec4",
        "u32": "uint", "u32x2": "uvec2", "u32x4": "uvec4",
        "bool": "bool", "boolx2": "bvec2", "boolx4": "bvec4",
    }  # fmt: skip
    functions: ClassVar[dict[str, str]] = {
        "atan2": "atan",
        "cos": "cos_reduced",
        "erf": "erf_approx",
        "pow": "pow_signed",
        "round_even": "roundEven",
        "rsqrt": "inversesqrt",
        "sin": "sin_reduced",
    }

    def builtin(self, e: Builtin) -> str:
        return f"int({BUILTINS[e.kind]}.{'xyz'[e.axis]})"

    def literal(self, value: float, type: Type) -> str:
        if math.isnan(value):
            return "uintBitsToFloat(0x7fc00000u)"
        if math.isinf(value):
            return f"uintBitsToFloat(0x{'7' if value > 0 else 'f'}f800000u)"
        return shortest(value)

    def declared(self, type: Type) -> str:
        return f"{'mediump ' if type.scalar == 'f16' else ''}{self.type(type)}"

    def function(self, e: Call) -> str:
        name = super().function(e)
        for needed in NEEDS.get(name, ()):
            self.helper(needed)
        return self.helper(name) if name in HELPERS else name

    def rolled(self, stop: str) -> str:
        return f"{self.helper('rolled')}({stop})"

    def loaded(self, e: Load) -> str:
        if isinstance(e.memory, Buffer) and e.memory.row:
            return f"texelFetch({self.name(e.memory.name)}, {self.expr(e.index)}, 0)"
        return super().loaded(e)

    def load(self, memory: Buffer, text: str) -> str:
        return f"{self.helper('unpack_half4')}({text})" if memory.storage == "f16" else text

    def stored(self, memory: Buffer, text: str) -> str:
        return f"{self.helper('pack_half4')}({text})" if memory.storage == "f16" else text

    def unary(self, e: Unary, outer: int) -> str:
        return self.call("not", e.operand) if _is_mask(e) else super().unary(e, outer)

    def binary(self, e: Binary, outer: int) -> str:
        if _is_mask(e):
            return self.call(COMPARISONS[e.op], e.left, e.right)
        return super().binary(e, outer)

    def select(self, e: Select) -> str:
        return self.call("mix", e.if_false, e.if_true, e.condition)

    def bitcast(self, e: Bitcast) -> str:
        name = BITCASTS.get((e.operand.type.scalar, e.type.scalar), self.type(e.type))
        return self.call(name, e.operand)

    def barrier(self) -> str:
        return "memoryBarrierShared(); barrier();"

    def element(self, buffer: Buffer) -> str:
        """How an element lies in memory."""
        return "uvec2" if buffer.storage == "f16" else self.type(buffer.element)


def _is_mask(e: Expr) -> bool:
    """Whether it is a vector of bools; operators are for scalar ones only."""
    return e.type.scalar == "bool" and e.type.lanes > 1


def _text(name: str) -> str:
    return files("tflgpuc.backends.glsl").joinpath(name).read_text()


@functools.cache
def keywords() -> frozenset[str]:
    """Words that can't be names."""
    return frozenset(_text("keywords.txt").split())


@functools.cache
def _shell() -> jinja2.Template:
    return template(_text("shell.comp.j2"))


def print_glsl(kernel: Kernel, header: Sequence[str] = (), locations: bool = False) -> str:
    """One complete compute shader; ``header`` becomes comment lines at its top.

    ``locations`` adds the kernel author's ``file.py:line`` to each statement. Raises KernelError
    where the kernel's name isn't a word, since it can't be read back.
    """
    if not re.fullmatch(r"\w+", kernel.name):
        raise KernelError(f"{kernel.name!r} can't name a kernel")
    printer = GlslPrinter(kernel, keywords(), locations)
    body = "\n".join(printer.block(place_texels(legalize(kernel)).body))
    access = {"read": "readonly ", "write": "writeonly ", "read_write": ""}
    buffers = [
        {
            "access": access[b.access],
            "block": printer.name.fresh("".join(w[:1].upper() + w[1:] for w in b.name.split("_"))),
            "element": printer.element(b),
            "name": printer.name(b.name),
            "row": b.row,
            "storage": b.storage,
        }
        for b in kernel.buffers
    ]
    shared = [
        {"element": printer.declared(s.element), "name": printer.name(s.name), "count": s.count}
        for s in kernel.shared
    ]
    return _shell().render(
        kernel=kernel,
        header=comment_lines(header),
        buffers=buffers,
        shared=shared,
        helpers=[HELPERS[name] for name in printer.helpers],
        body=body,
    )
