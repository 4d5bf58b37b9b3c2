"""Prints kernels as OpenGL ES 3.10 compute shaders (GLSL ES specification 3.10)."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from importlib.resources import files
from typing import ClassVar

import jinja2

from tflgpuc.backends.glsl.legalize import legalize
from tflgpuc.backends.printer import Printer, shortest
from tflgpuc.ir.shader import Binary, Bitcast, Buffer, Builtin, Call, Expr, Kernel, Select, Type

HELPERS = {
    "unpack_half4": (
        "vec4 unpack_half4(uvec2 v) { return vec4(unpackHalf2x16(v.x), unpackHalf2x16(v.y)); }\n"
    ),
    "pack_half4": (
        "uvec2 pack_half4(vec4 v) { return uvec2(packHalf2x16(v.xy), packHalf2x16(v.zw)); }\n"
    ),
    # Abramowitz and Stegun 7.1.26: off by at most 1.5e-7.
    "erf_approx": """\
vec4 erf_approx(vec4 x) {
    vec4 a = abs(x);
    vec4 t = 1.0 / (1.0 + 0.3275911 * a);
    vec4 tail = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
    return sign(x) * (1.0 - tail * exp(-a * a));
}
float erf_approx(float x) { return erf_approx(vec4(x)).x; }
""",
}
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
    """GLSL ES 3.10. It has no half: f16 is stored as packed ``uvec2`` and computed as ``float``."""

    types: ClassVar[dict[str, str]] = {
        "f32": "float", "f32x2": "vec2", "f32x4": "vec4", "f16": "float", "f16x2": "vec2", "f16x4": "vec4",
        "i32": "int", "i32x2": "ivec2", "i32x4": "ivec4", "u32": "uint", "u32x2": "uvec2", "u32x4": "uvec4",
        "bool": "bool", "boolx2": "bvec2", "boolx4": "bvec4",
    }  # fmt: skip
    functions: ClassVar[dict[str, str]] = {
        "atan2": "atan",
        "round_even": "roundEven",
        "rsqrt": "inversesqrt",
    }

    def builtin(self, e: Builtin) -> str:
        return f"int({BUILTINS[e.kind]}.{'xyz'[e.axis]})"

    def literal(self, value: float, type: Type) -> str:
        if math.isnan(value):
            return "uintBitsToFloat(0x7fc00000u)"
        if math.isinf(value):
            return f"uintBitsToFloat(0x{'7' if value > 0 else 'f'}f800000u)"
        return shortest(value)

    def call(self, e: Call) -> str:
        if e.function == "erf":
            return f"{self.helper('erf_approx')}({self.expr(e.args[0])})"
        return super().call(e)

    def load(self, memory: Buffer, text: str) -> str:
        return f"{self.helper('unpack_half4')}({text})" if memory.storage == "f16" else text

    def stored(self, memory: Buffer, text: str) -> str:
        return f"{self.helper('pack_half4')}({text})" if memory.storage == "f16" else text

    def compare(self, e: Binary) -> str:
        return f"{COMPARISONS[e.op]}({self.expr(e.left)}, {self.expr(e.right)})"

    def select(self, e: Select) -> str:
        parts: tuple[Expr, ...] = (e.if_false, e.if_true, e.condition)
        return f"mix({', '.join(map(self.expr, parts))})"

    def bitcast(self, e: Bitcast) -> str:
        name = BITCASTS.get((e.operand.type.scalar, e.type.scalar), self.type(e.type))
        return f"{name}({self.expr(e.operand)})"

    def barrier(self) -> str:
        return "memoryBarrierShared(); barrier();"

    def element(self, buffer: Buffer) -> str:
        """How an element lies in memory."""
        return "uvec2" if buffer.storage == "f16" else self.type(buffer.element)


@functools.cache
def keywords() -> frozenset[str]:
    """Words that can't be names."""
    return frozenset(files("tflgpuc.backends.glsl").joinpath("keywords.txt").read_text().split())


@functools.cache
def _shell() -> jinja2.Template:
    text = files("tflgpuc.backends.glsl").joinpath("shell.comp.j2").read_text()
    return jinja2.Environment(keep_trailing_newline=True, autoescape=False).from_string(text)


def print_glsl(kernel: Kernel, header: Sequence[str] = (), locations: bool = False) -> str:
    """One complete compute shader; ``header`` becomes comment lines at its top."""
    printer = GlslPrinter(kernel, keywords(), locations)
    body = "\n".join(printer.block(legalize(kernel).body))
    access = {"read": "readonly ", "write": "writeonly ", "read_write": ""}
    blocks = [
        {
            "access": access[b.access],
            "block": printer.name(f"{b.name.title().replace('_', '')}Block"),
            "element": printer.element(b),
            "name": printer.name(b.name),
        }
        for b in kernel.buffers
    ]
    shared = [
        {"element": printer.type(s.element), "name": printer.name(s.name), "count": s.count}
        for s in kernel.shared
    ]
    return _shell().render(
        kernel=kernel,
        header=[line.replace("\\", "/").replace("\n", " ") for line in header],
        buffers=blocks,
        shared=shared,
        helpers=[HELPERS[name] for name in printer.helpers],
        body=body,
    )
