"""Rewrites what WGSL lacks, and what its compilers refuse to evaluate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tflgpuc.backends.glsl.legalize import safe_tanh
from tflgpuc.ir.shader import (
    Binary,
    Bitcast,
    Call,
    Cast,
    Compose,
    Const,
    Expr,
    Kernel,
    Lane,
    Select,
    Type,
    Unary,
    binary,
    bitcast,
    call,
    const,
    convert,
)
from tflgpuc.ir.shader.rewrite import rewrite_kernel

INFINITY_BITS, ALL_BUT_SIGN = 0x7F800000, 0x7FFFFFFF
# Functions whose helper is written for one lane and for four.
HELPED = ("erf", "pow")


def legalize(kernel: Kernel) -> Kernel:
    """The kernel in terms that every WGSL compiler accepts and computes alike.

    What is made of literals alone is evaluated by the compiler, which refuses a result that doesn't
    fit: overflow, infinity, NaN. A literal's bits read as another type stand for a value that the
    compiler doesn't know: so they are printed.
    """
    return rewrite_kernel(kernel, _expr)


def _expr(e: Expr) -> Expr:
    match e:
        case Call(function="isnan", args=(x,)):
            # There is no isnan(), and compilers may take it that x == x.
            bits = binary("&", bitcast(convert(x, "f32"), "u32"), ALL_BUT_SIGN)
            return binary(">", bits, INFINITY_BITS)
        case Call(function="tanh"):
            return _unknown(safe_tanh(e))
        case Call(function="sign", args=(x,)) if x.type.scalar == "u32":
            return call("min", x, 1)
        case Call(function=name, type=Type(lanes=2)) if name in HELPED:
            lanes = [tuple(a.lane(i) for a in e.args) for i in range(2)]
            return Compose(e.type, tuple(call(name, *args) for args in lanes))
        case Unary(op="-", operand=x) if x.type.scalar == "u32":
            return _unknown(Binary(e.type, "-", const(0, x.type), x))
        case Binary(op="<<" | ">>", left=x, right=by):
            return _unknown(replace(e, right=_distance(by)), x)
        case Binary(op="/" | "%", right=Const(value=0) as zero) if zero.type.is_int:
            return replace(e, right=_hidden(zero))
        case Binary() | Call():
            return _unknown(e)
        case _:
            return e


def _distance(by: Expr) -> Expr:
    """What to shift by, unsigned as WGSL wants it; literals must be less than 32."""
    if isinstance(by, Const):
        return const(int(by.value) & 31, Type("u32", by.type.lanes))
    return convert(by, "u32")


def _unknown(e: Expr, *operands: Expr) -> Expr:
    """An operation of literals with the first of them hidden; any other as it is."""
    match e:
        case Call(args=args) if all(map(_literal, operands or args)):
            return replace(e, args=(_hidden(args[0]), *args[1:]))
        case Binary(left=x, right=y) if all(map(_literal, operands or (x, y))):
            return replace(e, left=_hidden(x))
        case _:
            return e


def _literal(e: Expr) -> bool:
    """Whether a compiler knows the value."""
    match e:
        case Const():
            return True
        case Unary(operand=x) | Cast(operand=x) | Lane(vector=x):
            return _literal(x)
        case Compose(parts=parts):
            return all(map(_literal, parts))
        case Select(condition=c, if_true=x, if_false=y):
            return all(map(_literal, (c, x, y)))
        case _:
            return False


def _hidden(e: Expr) -> Expr:
    """A value made of literals as one that compilers don't know."""
    match e:
        case Const(type=type, value=value) if type.is_float:
            bits = int(np.float32(value).view(np.uint32))
            return convert(bitcast(const(bits, Type("u32", type.lanes)), "f32"), type.scalar)
        case Const(type=Type(scalar="i32", lanes=lanes), value=value):
            return Bitcast(e.type, const(int(value) & 0xFFFFFFFF, Type("u32", lanes)))
        case Const(type=Type(scalar="u32", lanes=lanes), value=value):
            return Bitcast(e.type, const(int(np.uint32(value).view(np.int32)), Type("i32", lanes)))
        case Unary(operand=x) | Cast(operand=x):
            return replace(e, operand=_hidden(x))
        case Lane(vector=x):
            return replace(e, vector=_hidden(x))
        case Compose(parts=(first, *rest)):
            return replace(e, parts=(_hidden(first), *rest))
        case Select(if_true=x):
            return replace(e, if_true=_hidden(x))
        case _:
            return e
