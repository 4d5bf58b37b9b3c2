"""Rewrites what MSL lacks, or what its fast maths gets wrong."""

from __future__ import annotations

from dataclasses import replace

from tflgpuc.ir.shader import (
    Call,
    Cast,
    Compose,
    Expr,
    Kernel,
    Select,
    Type,
    binary,
    bitcast,
    call,
    const,
    convert,
    select,
)
from tflgpuc.ir.shader.rewrite import rewrite_kernel

INFINITY_BITS, ALL_BUT_SIGN = 0x7F800000, 0x7FFFFFFF
# Functions whose helper is written for one lane and for four.
HELPED = ("erf", "pow")
# Functions that are computed in f32 for halves too: only there are they precise, or have helpers.
OF_F32 = ("atan2", "cos", "exp", "log", "rsqrt", "sin", "sqrt", "tanh", *HELPED)


def legalize(kernel: Kernel) -> Kernel:
    """The kernel in terms that Metal computes alike with fast maths and without."""
    return rewrite_kernel(kernel, _expr)


def _expr(e: Expr) -> Expr:
    match e:
        case Select(type=Type(scalar="bool"), condition=c, if_true=a, if_false=b) if (
            e.type.lanes > 1
        ):
            # select() is for numbers.
            ints = (_expr(convert(side, "i32")) for side in (a, b))
            return select(c, *ints).ne(0)
        case Call(function="isnan", args=(x,)):
            # Fast maths takes it that there are no NaNs, and folds isnan() to false.
            bits = binary("&", bitcast(convert(x, "f32"), "u32"), ALL_BUT_SIGN)
            return binary(">", bits, INFINITY_BITS)
        case Cast(operand=x) if x.type.scalar == "bool" and x.type.lanes > 1:
            # Host compilers have -1 for true in a vector, Metal 1; chosen, it's 1 everywhere.
            return select(x, const(1, e.type), const(0, e.type))
        case Call(function="abs", args=(x,)) if x.type.scalar == "u32":
            return x
        case Call(function="sign", args=(x,)) if x.type.scalar == "i32":
            return call("clamp", x, -1, 1)
        case Call(function="sign", args=(x,)) if x.type.scalar == "u32":
            return call("min", x, 1)
        case Call(function=name, type=Type(scalar="f16")) if name in OF_F32:
            args = tuple(convert(a, "f32") for a in e.args)
            return convert(_expr(replace(e, type=args[0].type, args=args)), "f16")
        case Call(function=name, type=Type(lanes=2)) if name in HELPED:
            lanes = [tuple(a.lane(i) for a in e.args) for i in range(2)]
            return Compose(e.type, tuple(call(name, *args) for args in lanes))
        case _:
            return e
