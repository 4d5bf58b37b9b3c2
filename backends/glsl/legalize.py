"""Rewrites what GLSL ES 3.10 lacks, or what its drivers get wrong."""

from __future__ import annotations

from dataclasses import replace

from tflgpuc.ir.shader.rewrite import rewrite_kernel
from tflgpuc.ir.shader import Call, Expr, Kernel, call


def legalize(kernel: Kernel) -> Kernel:
    """The kernel in terms that every GLSL ES 3.10 driver computes alike."""
    return rewrite_kernel(kernel, _expr)


def _expr(e: Expr) -> Expr:
    match e:
        case Call(function="tanh", args=(Call(function="clamp"),)):
            return e
        case Call(function="tanh", args=(x,)):
            # SwiftShader's tanh is NaN from 88 on; beyond 10 the f32 result is 1 anyway.
            return replace(e, args=(call("clamp", x, -10.0, 10.0),))
    return e
