"""Prints kernels as Metal Shading Language functions (MSL specification 2.3)."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import ClassVar

import jinja2

from tflgpuc.backends.msl.legalize import legalize
from tflgpuc.backends.printer import Printer, comment_lines, shortest, template
from tflgpuc.ir.errors import KernelError
from tflgpuc.ir.shader import Bitcast, Buffer, Builtin, Call, Kernel, Scalar, Select, Type

HELPERS = {
    # Abramowitz and Stegun 7.1.26: off by at most 1.5e-7.
    "erf_approx": """\
inline float4 erf_approx(float4 x) {
    const float4 a = abs(x);
    const float4 t = 1.0f / (1.0f + 0.3275911f * a);
    const float4 tail = ((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t - 0.284496736f;
    return sign(x) * (1.0f - (tail * t + 0.254829592f) * t * precise::exp(-a * a));
}
inline float erf_approx(float x) { return erf_approx(float4(x)).x; }
""",
    # With fast maths nobody promises what pow() of a negative number is.
    "pow_signed": """\
inline float pow_signed(float x, float y) {
    if (y == 0.0f) {
        return 1.0f;
    }
    if (x == 0.0f) {
        return y < 0.0f ? as_type<float>(0x7f800000u) : 0.0f;
    }
    const float size = precise::pow(abs(x), y);
    if (x > 0.0f) {
        return size;
    }
    if (floor(y) != y) {
        return abs(x) > 3.4028235e38f ? size : as_type<float>(0x7fc00000u);
    }
    return floor(0.5f * y) == 0.5f * y ? size : -size;
}
inline float4 pow_signed(float4 x, float4 y) {
    return float4(
        pow_signed(x.x, y.x), pow_signed(x.y, y.y), pow_signed(x.z, y.z), pow_signed(x.w, y.w));
}
""",
}
BUILTINS = {
    "global_id": ("gid", "uint3 gid [[thread_position_in_grid]]"),
    "local_id": ("lid", "uint3 lid [[thread_position_in_threadgroup]]"),
    "group_id": ("group", "uint3 group [[threadgroup_position_in_grid]]"),
}


class MslPrinter(Printer):
    """MSL. Transcendental functions are the ``precise`` ones.

    Fast maths is on by default in Metal; its exp, log, sin, cos and pow are off by more than our
    tolerance for large arguments, its tanh may give NaN there, and its sqrt and rsqrt aren't exact.
    """

    types: ClassVar[dict[str, str]] = {
        "f32": "float", "f32x2": "float2", "f32x4": "float4",
        "f16": "half", "f16x2": "half2", "f16x4": "half4",
        "i32": "int", "i32x2": "int2", "i32x4": "int4",
        "u32": "uint", "u32x2": "uint2", "u32x4": "uint4",
        "bool": "bool", "boolx2": "bool2", "boolx4": "bool4",
    }  # fmt: skip
    functions: ClassVar[dict[str, str]] = {
        "atan2": "precise::atan2",
        "cos": "precise::cos",
        "erf": "erf_approx",
        "exp": "precise::exp",
        "log": "precise::log",
        "pow": "pow_signed",
        "round_even": "rint",
        "rsqrt": "precise::rsqrt",
        "sin": "precise::sin",
        "sqrt": "precise::sqrt",
        "tanh": "precise::tanh",
    }
    let: ClassVar[str] = "const {type} {name} = {value};"

    def __init__(self, kernel: Kernel, reserved: Iterable[str], locations: bool = False) -> None:
        super().__init__(kernel, reserved, locations)
        self.places: dict[str, None] = {}

    def builtin(self, e: Builtin) -> str:
        name, argument = BUILTINS[e.kind]
        self.places[argument] = None
        return f"int({name}.{'xyz'[e.axis]})"

    def literal(self, value: float, type: Type) -> str:
        if math.isnan(value):
            bits = "0x7fc00000u"
        elif math.isinf(value):
            bits = "0x7f800000u" if value > 0 else "0xff800000u"
        else:
            return shortest(value) + ("h" if type.scalar == "f16" else "f")
        # Not INFINITY and NAN: fast maths may take those for impossible.
        text = f"as_type<float>({bits})"
        return f"half({text})" if type.scalar == "f16" else text

    def function(self, e: Call) -> str:
        name = super().function(e)
        return self.helper(name) if name in HELPERS else name

    def load(self, memory: Buffer, text: str) -> str:
        return f"{self.type(memory.element)}({text})" if _converts(memory) else text

    def stored(self, memory: Buffer, text: str) -> str:
        return f"{self.element(memory)}({text})" if _converts(memory) else text

    def select(self, e: Select) -> str:
        return self.call("select", e.if_false, e.if_true, e.condition)

    def bitcast(self, e: Bitcast) -> str:
        return self.call(f"as_type<{self.type(e.type)}>", e.operand)

    def before_rolled(self) -> Sequence[str]:
        return ("#pragma clang loop unroll(disable)",)

    def barrier(self) -> str:
        return "threadgroup_barrier(mem_flags::mem_threadgroup);"

    def element(self, buffer: Buffer) -> str:
        """How an element lies in memory."""
        return self.type(Type(_storage(buffer), buffer.element.lanes))

    def entry(self, header: Sequence[str]) -> str:
        """The kernel's function, ``header`` as comment lines above it."""
        # The body first: it says which places the function takes as arguments.
        body = "\n".join(self.block(legalize(self.kernel).body))
        arguments = []
        for i, b in enumerate(self.kernel.buffers):
            space = "device const" if b.access == "read" else "device"
            arguments.append(f"{space} {self.element(b)}* {self.name(b.name)} [[buffer({i})]]")
        shared = [
            {"element": self.type(s.element), "name": self.name(s.name), "count": s.count}
            for s in self.kernel.shared
        ]
        return _template("function.metal.j2").render(
            name=self.kernel.name,
            header=comment_lines(header),
            arguments=[*arguments, *self.places],
            shared=shared,
            body=body,
        )


def _storage(memory: Buffer) -> Scalar:
    """What each lane is kept as; a bool of a buffer takes 32 bits, as in GLSL, but Metal's takes 8."""
    return "u32" if memory.storage == "bool" else memory.storage


def _converts(memory: Buffer) -> bool:
    return _storage(memory) != memory.element.scalar


def _text(name: str) -> str:
    return files("tflgpuc.backends.msl").joinpath(name).read_text()


@functools.cache
def keywords() -> frozenset[str]:
    """Words that can't be names."""
    return frozenset(_text("keywords.txt").split())


@functools.cache
def _template(name: str) -> jinja2.Template:
    return template(_text(name))


def print_msl(
    kernels: Sequence[tuple[Kernel, Sequence[str]]],
    header: Sequence[str] = (),
    locations: bool = False,
) -> str:
    """One .metal file with a function for each kernel, named as the kernel.

    ``header`` becomes comment lines at the top, the lines beside a kernel those above its function.
    ``locations`` adds the kernel author's ``file.py:line`` to each statement. Raises KernelError
    where a kernel's name can't be a function's, or isn't the only one of its kind.
    """
    names: set[str] = set()
    for kernel, _ in kernels:
        word = re.fullmatch(r"[A-Za-z]\w*", kernel.name, re.ASCII)
        if not word or kernel.name in keywords() or kernel.name in names:
            raise KernelError(f"{kernel.name!r} can't name a function of the Metal file")
        names.add(kernel.name)
    reserved = keywords() | names
    printers = [MslPrinter(kernel, reserved, locations) for kernel, _ in kernels]
    functions = [p.entry(lines) for p, (_, lines) in zip(printers, kernels, strict=True)]
    helpers = dict.fromkeys(name for p in printers for name in p.helpers)
    return _template("shell.metal.j2").render(
        header=comment_lines(header),
        helpers=[HELPERS[name] for name in helpers],
        functions=functions,
    )
