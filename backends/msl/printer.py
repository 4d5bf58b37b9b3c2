"""Prints kernels as Metal Shading Language functions (MSL specification 2.3)."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, ClassVar

import jinja2

from tflgpuc.backends.printer import Printer, shortest
from tflgpuc.ir.shader import Binary, Bitcast, Buffer, Builtin, Call, Kernel, Select, Type

HELPERS = {
    # Abramowitz and Stegun 7.1.26: off by at most 1.5e-7.
    "erf_approx": """\
static inline float4 erf_approx(float4 x) {
    const float4 a = abs(x);
    const float4 t = 1.0f / (1.0f + 0.3275911f * a);
    const float4 tail = ((((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t - 0.284496736f) * t + 0.254829592f) * t;
    return sign(x) * (1.0f - tail * precise::exp(-a * a));
}
static inline float erf_approx(float x) { return erf_approx(float4(x)).x; }
""",
}
BUILTINS = {
    "global_id": ("gid", "uint3 gid [[thread_position_in_grid]]"),
    "local_id": ("lid", "uint3 lid [[thread_position_in_threadgroup]]"),
    "group_id": ("group", "uint3 group [[threadgroup_position_in_grid]]"),
}


class MslPrinter(Printer):
    """MSL. Transcendental functions are the ``precise`` ones: fast maths is on by default in Metal,
    and its exp and log are off by more than our tolerance for large arguments."""

    types: ClassVar[dict[str, str]] = {
        "f32": "float", "f32x2": "float2", "f32x4": "float4", "f16": "half", "f16x2": "half2", "f16x4": "half4",
        "i32": "int", "i32x2": "int2", "i32x4": "int4", "u32": "uint", "u32x2": "uint2", "u32x4": "uint4",
        "bool": "bool", "boolx2": "bool2", "boolx4": "bool4",
    }  # fmt: skip
    functions: ClassVar[dict[str, str]] = {
        "atan2": "precise::atan2",
        "cos": "precise::cos",
        "exp": "precise::exp",
        "log": "precise::log",
        "pow": "precise::pow",
        "round_even": "rint",
        "rsqrt": "precise::rsqrt",
        "sin": "precise::sin",
        "sqrt": "precise::sqrt",
        "tanh": "precise::tanh",
    }
    let: ClassVar[str] = "const {type} {name} = {value};"

    def __init__(self, kernel: Kernel, reserved: Sequence[str], locations: bool = False) -> None:
        super().__init__(kernel, reserved, locations)
        self.places: dict[str, None] = {}

    def builtin(self, e: Builtin) -> str:
        name, argument = BUILTINS[e.kind]
        self.places[argument] = None
        return f"int({name}.{'xyz'[e.axis]})"

    def literal(self, value: float, type: Type) -> str:
        if math.isnan(value):
            return "as_type<float>(0x7fc00000u)"
        if math.isinf(value):
            return f"as_type<float>(0x{'7' if value > 0 else 'f'}f800000u)"
        return shortest(value) + ("h" if type.scalar == "f16" else "f")

    def call(self, e: Call) -> str:
        if e.function == "erf":
            return f"{self.helper('erf_approx')}({self.expr(e.args[0])})"
        return super().call(e)

    def load(self, memory: Buffer, text: str) -> str:
        return f"float4({text})" if memory.storage == "f16" else text

    def stored(self, memory: Buffer, text: str) -> str:
        return f"half4({text})" if memory.storage == "f16" else text

    def compare(self, e: Binary) -> str:
        return f"({self.expr(e.left, 8)} {e.op} {self.expr(e.right, 9)})"

    def select(self, e: Select) -> str:
        parts = ", ".join(map(self.expr, (e.if_false, e.if_true, e.condition)))
        return f"select({parts})"

    def bitcast(self, e: Bitcast) -> str:
        return f"as_type<{self.type(e.type)}>({self.expr(e.operand)})"

    def barrier(self) -> str:
        return "threadgroup_barrier(mem_flags::mem_threadgroup);"

    def function(self, header: Sequence[str]) -> dict[str, Any]:
        """What the shell needs of one kernel."""
        body = "\n".join(self.block(self.kernel.body))
        arguments = []
        for i, b in enumerate(self.kernel.buffers):
            element = "half4" if b.storage == "f16" else self.type(b.element)
            const = "const " if b.access == "read" else ""
            arguments.append(f"device {const}{element}* {self.name(b.name)} [[buffer({i})]]")
        shared = [
            {"element": self.type(s.element), "name": self.name(s.name), "count": s.count}
            for s in self.kernel.shared
        ]
        return {
            "name": self.kernel.name,
            "header": [line.replace("\\", "/").replace("\n", " ") for line in header],
            "arguments": [*arguments, *self.places],
            "shared": shared,
            "body": body,
        }


@functools.cache
def keywords() -> frozenset[str]:
    """Words that can't be names."""
    return frozenset(files("tflgpuc.backends.msl").joinpath("keywords.txt").read_text().split())


@functools.cache
def _shell() -> jinja2.Template:
    text = files("tflgpuc.backends.msl").joinpath("shell.metal.j2").read_text()
    return jinja2.Environment(keep_trailing_newline=True, autoescape=False).from_string(text)


def print_msl(
    kernels: Sequence[tuple[Kernel, Sequence[str]]],
    header: Sequence[str] = (),
    locations: bool = False,
) -> str:
    """One .metal file with a function a kernel, named as the kernel; headers become comments."""
    reserved = sorted(keywords() | {kernel.name for kernel, _ in kernels})
    printers = [(MslPrinter(kernel, reserved, locations), lines) for kernel, lines in kernels]
    functions = [printer.function(lines) for printer, lines in printers]
    helpers = dict.fromkeys(name for printer, _ in printers for name in printer.helpers)
    return _shell().render(
        header=list(header), helpers=[HELPERS[h] for h in helpers], functions=functions
    )
