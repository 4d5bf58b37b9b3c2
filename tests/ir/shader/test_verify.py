"""Ill-formed kernels, one mistake at a time."""

from __future__ import annotations

import pytest

from tflgpuc.ir.errors import KernelError
from tflgpuc.ir.shader import (
    BOOL,
    F32,
    F32X4,
    I32,
    Assign,
    Barrier,
    Buffer,
    Builtin,
    For,
    If,
    Kernel,
    Lane,
    Let,
    Load,
    Name,
    Shared,
    Stmt,
    Store,
    Var,
    const,
)
from tflgpuc.ir.shader.verify import verify

X = Buffer("x", F32, "f32", "read", 8)
Y = Buffer("y", F32, "f32", "write", 8)
TILE = Shared("tile", F32, 8)
ELSEWHERE = Buffer("elsewhere", F32, "f32", "read_write", 8)
GID, LID = Builtin(I32, "global_id", 0), Builtin(I32, "local_id", 0)
GROUP = Builtin(I32, "group_id", 0)
ZERO, ONE = const(0, I32), const(1.0, F32)
A, COUNTER = Name(F32, "a"), Name(I32, "i")


def check(*body: Stmt) -> None:
    verify(Kernel("k", (8, 1, 1), (X, Y), body, (TILE,), (8, 1, 1)))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([Store(Y, ZERO, A)], "a is not declared here"),
        ([If(GID < 1, (Let("a", ONE),)), Store(Y, ZERO, A)], "a is not declared here"),
        ([Let("a", A)], "a is not declared here"),
        ([For("i", ZERO, COUNTER, 1, ())], "i is not declared here"),
        ([For("i", ZERO, ZERO, 1, ()), Store(Y, COUNTER, ONE)], "i is not declared here"),
        ([Let("a", ZERO), Store(Y, ZERO, A)], "a is i32, read as f32"),
        ([Let("a", ONE), Let("a", ONE)], "a is declared twice"),
        ([Let("a", ONE), If(GID < 1, (Let("a", ONE),))], "a is declared twice"),
        ([For("i", ZERO, ZERO, 1, (Var("i", I32),))], "i is declared twice"),
        ([Let("x", ONE)], "x is declared twice"),
        ([Let("a", ONE), Assign("a", ONE)], "a is no variable of type f32"),
        ([Assign("a", ONE)], "a is no variable of type f32"),
        ([Var("a", F32), Assign("a", ZERO)], "a is no variable of type i32"),
        ([Var("a", F32), Assign("a", ONE, "<<")], "<<= is no assignment"),
        ([Var("a", F32, ZERO)], "a is f32, set to i32"),
        ([Store(X, ZERO, ONE)], "x is read-only"),
        ([Store(Y, ONE, ONE)], r"y\[f32\] = f32"),
        ([Store(Y, ZERO, ZERO)], r"y\[i32\] = i32"),
        ([Store(ELSEWHERE, ZERO, ONE)], "elsewhere is no memory of this kernel"),
        ([Let("a", Load(F32, ELSEWHERE, ZERO))], "elsewhere is no memory of this kernel"),
        ([Let("a", Load(F32, Y, ZERO))], "y is write-only"),
        ([Let("a", Load(F32, X, ONE))], r"x\[f32\] read as f32"),
        ([Let("a", Load(F32X4, X, ZERO))], r"x\[i32\] read as f32x4"),
        ([Let("a", Lane(F32, ONE, 1))], "f32 has no lane 1"),
        ([If(GID, ())], "a condition is a bool, not i32"),
        ([For("i", ZERO, ZERO, 0, ())], "a loop counts i32s upwards"),
        ([For("i", ONE, ZERO, 1, ())], "a loop counts i32s upwards"),
        ([If(GID < 1, (Barrier(),))], "a barrier that not all"),
        ([If(GID < 1, (), (Barrier(),))], "a barrier that not all"),
        ([Let("i", LID + 1), If(COUNTER < 1, (Barrier(),))], "a barrier that not all"),
        ([For("i", ZERO, LID, 1, (Barrier(),))], "a barrier that not all"),
        ([If(Load(F32, TILE, ZERO) < 1.0, (Barrier(),))], "a barrier that not all"),
        ([Var("p", BOOL), If(Name(BOOL, "p"), (Barrier(),))], "a barrier that not all"),
        (
            [For("i", ZERO, LID, 1, (For("j", ZERO, const(4, I32), 1, (Barrier(),)),))],
            "a barrier that not all",
        ),
    ],
)
def test_raises(body: list[Stmt], message: str) -> None:
    with pytest.raises(KernelError, match=message):
        check(*body)


def test_well_formed_kernels_pass() -> None:
    check(
        Barrier(),
        Let("g", GROUP * 2),
        If(Name(I32, "g") < 3, (Barrier(),)),
        If(Load(F32, X, GROUP) < 3.0, (Barrier(),)),
        For("i", ZERO, const(4, I32), 1, (Barrier(), Store(TILE, COUNTER, ONE))),
        For(
            "i", ZERO, const(4, I32), 1, (Let("a", Load(F32, TILE, COUNTER)), Store(Y, COUNTER, A))
        ),
        If(GID < 3, (Let("a", ONE),), (Let("a", ONE),)),
        Var("v", F32),
        Assign("v", Load(F32, X, GID), "+"),
        Store(Y, GID, Name(F32, "v")),
    )


def test_a_message_says_where() -> None:
    with pytest.raises(KernelError, match=r"^kernel k: conv.py:7: a is not declared here$"):
        check(Store(Y, ZERO, A, "conv.py:7"))
