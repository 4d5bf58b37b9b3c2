"""Kernels for tests of printers: together they hold every node of the shader IR."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tflgpuc.ir.shader import (
    BOOL,
    F32,
    F32X4,
    I32,
    I32X4,
    U32,
    U32X4,
    Builder,
    Kernel,
    Scalar,
    Type,
    bitcast,
    call,
    compose,
    const,
    convert,
    select,
    splat,
)
from tflgpuc.ir.shader.expr import COMPARISONS, FUNCTIONS, binary
from tflgpuc.ir.shader.interpret import interpret

N = 16
# The functions that integers have too.
OF_INTEGERS = ("abs", "clamp", "max", "min", "sign")


def pointwise(storage: Scalar = "f16") -> Kernel:
    """A 1x1 convolution of 7 pixels from 8 to 8 channels, with ReLU6."""
    k = Builder("pointwise")
    src = k.buffer("src", F32X4, 14, storage=storage)
    weights = k.buffer("weights", F32X4, 18)
    dst = k.buffer("dst", F32X4, 14, "write", storage)
    pixel, slice = k.let("pixel", k.gid(0)), k.let("slice", k.gid(1))
    with k.when((pixel < 7) & (slice < 2)):
        acc = k.var("acc", weights[16 + slice])
        with k.loop("s", 2) as s:
            x = k.let("x", src[s * 7 + pixel])
            first = k.let("first", (slice * 2 + s) * 4)
            for i in range(4):
                k.add(acc, x.lane(i) * weights[first + i])
        k.store(dst, slice * 7 + pixel, call("clamp", acc, 0.0, 6.0))
    return k.done((7, 2, 1), (8, 2, 1))


def functions(type: Type) -> Kernel:
    """Every built-in function of a type of number, the results one after another."""
    k = Builder(f"functions_{type}")
    wide = F32.of(type.lanes) if type.is_float else type
    src = k.buffer("src", wide, N)
    names = [name for name in FUNCTIONS if type.is_float or name in OF_INTEGERS]
    dst = k.buffer("dst", wide, N * len(names), "write")
    at = k.let("at", k.gid(0))
    x = k.let("x", convert(src[at], type.scalar))
    y = k.let("y", convert(src[N - 1 - at], type.scalar))
    for i, name in enumerate(names):
        if name == "dot" and type.lanes == 1:
            continue
        first = call("abs", x) + 0.25 if name in ("log", "rsqrt", "sqrt", "pow") else x
        made = k.let(name, call(name, first, *(y, y + 1)[: FUNCTIONS[name] - 1]))
        if made.type.scalar == "bool":
            made = select(made, 1, splat(const(0, type.of(1)), type.lanes))
        k.store(dst, at * len(names) + i, convert(splat(made, type.lanes), wide.scalar))
    return k.done((N, 1, 1), (N, 1, 1))


def operators(type: Type) -> Kernel:
    """Every operator, choice and conversion of a type of number, added up."""
    k = Builder(f"operators_{type}")
    wide = F32.of(type.lanes) if type.is_float else type
    src, dst = k.buffer("src", wide, N), k.buffer("dst", wide, N, "write")
    x = k.let("x", convert(src[k.gid(0)], type.scalar))
    y = k.let("y", convert(src[N - 1 - k.gid(0)], type.scalar))
    acc = k.var("acc", x - (y - x) * 2 + (-x if type.scalar != "u32" else x))
    divisor = call("abs", y) + 1
    k.assign(acc, (x + 3) / divisor, "+")
    for op in COMPARISONS:
        k.add(acc, select(binary(op, x, y), y, x * 3))
    k.assign(acc, 2, "*")
    if type.is_int:
        k.assign(acc, call("abs", x) % divisor, "-")
        k.add(acc, ((x & 12) | (y ^ 5)) + ((call("abs", x) << 3) >> 1))
    if type.scalar == "u32":
        k.add(acc, bitcast(bitcast(x, "f32"), "u32") & 0xFFFF00FF)
    # The host's Metal has no name for a comparison of vectors of halves.
    smaller = x < y if type == Type("f16", 4) else k.let("smaller", x < y)
    k.add(acc, select(~smaller, x, convert(smaller, type.scalar)))
    k.add(acc, convert(convert(convert(call("abs", x), "i32"), "u32"), type.scalar))
    k.store(dst, k.gid(0), convert(acc, wide.scalar))
    return k.done((N, 1, 1), (N, 1, 1))


def statements() -> Kernel:
    """Every statement, shared memory, and what all the places of an invocation are."""
    k = Builder("statements")
    src, dst = k.buffer("src", F32X4, N), k.buffer("dst", F32X4, N, "read_write")
    tile = k.shared("tile", F32X4, 8)
    at, local, group = k.let("at", k.gid(0)), k.let("local", k.lid(0)), k.let("group", k.group(0))
    k.store(tile, local, src[at])
    k.barrier()
    chosen = k.var("chosen", F32X4)
    with k.when((local.eq(0) | (local > 5)) & (at.ne(9) & ~(at < 1))):
        k.assign(chosen, tile[7 - local])
    with k.otherwise():
        k.assign(chosen, -tile[local])
        with k.when(const(True, BOOL)):
            k.add(chosen, const(-0.5, F32X4))
    total = k.var("total", const(0, I32))
    with k.loop("i", group * 3 + 2) as i, k.loop("j", 9, start=i, step=2) as j:
        k.add(total, call("max", i * j, -(2**31)))
    lowest = const(-np.finfo(np.float32).max, F32)
    last = call("max", chosen.lane(3), select(at > 3, lowest, -np.inf))
    flipped = bitcast(bitcast(chosen.lane(2), "i32") ^ const(-(2**31), I32), "f32")
    made = compose(chosen.lane(0), convert(total, "f32"), flipped, last)
    k.store(dst, at, select(at > 6, made + 0.1, made))
    return k.done((N, 1, 1), (8, 1, 1))


def powers(type: Type) -> Kernel:
    """x to the y for every pair."""
    k = Builder("powers")
    x, y = k.buffer("x", type, N), k.buffer("y", type, N)
    dst = k.buffer("dst", type, N, "write")
    k.store(dst, k.gid(0), call("pow", x[k.gid(0)], y[k.gid(0)]))
    return k.done((N, 1, 1), (N, 1, 1))


def pointwise_function(name: str, count: int) -> Kernel:
    """A function of many numbers."""
    k = Builder(name)
    src, dst = k.buffer("src", F32X4, count // 4), k.buffer("dst", F32X4, count // 4, "write")
    k.store(dst, k.gid(0), call(name, src[k.gid(0)]))
    return k.done((count // 4, 1, 1), (16, 1, 1))


def named(words: list[str]) -> Kernel:
    """A kernel whose author chose these names."""
    k = Builder("named")
    dst = k.buffer("dst", I32, 1, "write")
    total = k.var("total", const(0, I32))
    for word in words:
        k.add(total, k.let(word, k.gid(0) + 1))
    k.store(dst, 0, total)
    return k.done((1, 1, 1), (1, 1, 1))


FLOATS = [F32, F32X4]
HALVES = [Type("f16"), Type("f16", 4)]
INTEGERS = [I32, I32X4, U32, U32X4]
KERNELS = [
    pointwise("f16"),
    pointwise("f32"),
    statements(),
    *(operators(type) for type in FLOATS + HALVES + INTEGERS),
    *(functions(type) for type in FLOATS + HALVES + INTEGERS),
]


def inputs(kernel: Kernel) -> dict[str, NDArray[np.uint8]]:
    """Seeded values for all buffers of a kernel, as bytes; what is only written holds zeros."""
    rng = np.random.default_rng(3)
    made: dict[str, NDArray[np.uint8]] = {}
    for b in kernel.buffers:
        count = b.count * b.element.lanes
        match b.storage:
            case "f32" | "f16":
                dtype = np.float32 if b.storage == "f32" else np.float16
                values = rng.uniform(-3, 3, count).astype(dtype)
            case _:
                low = 0 if b.storage in ("u32", "bool") else -20
                values = rng.integers(low, 20, count).astype(np.int32)
        made[b.name] = (values if b.access != "write" else np.zeros_like(values)).view(np.uint8)
    return made


def expected(kernel: Kernel) -> NDArray[np.generic]:
    """What the kernel writes, by the interpreter."""
    buffers = {name: values.copy() for name, values in inputs(kernel).items()}
    interpret(kernel, buffers)
    return typed(kernel, buffers["dst"])


def typed(kernel: Kernel, content: NDArray[np.uint8]) -> NDArray[np.generic]:
    """The bytes of ``dst`` as numbers."""
    storage = next(b.storage for b in kernel.buffers if b.name == "dst")
    dtypes = {"f32": np.float32, "f16": np.float16, "i32": np.int32, "u32": np.uint32}
    return content.view(dtypes[storage])


def tolerance(kernel: Kernel) -> float:
    """How far a right result may be off, relative to the greatest."""
    halves = "f16" in kernel.name or any(b.storage == "f16" for b in kernel.buffers)
    return 1e-2 if halves else 1e-5
