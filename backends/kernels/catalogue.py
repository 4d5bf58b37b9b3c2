"""Which kernel computes which op: registration, and the one predicate of what the GPU can run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.ir.errors import UnsupportedError
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.graph.types import Lanes
from tflgpuc.ir.target import Target, Tile

Build = Callable[[Any, Context], Built]
Requires = Callable[[Any], "str | None"]
LanesOf = Callable[..., Lanes]


@dataclass(frozen=True)
class KernelDef:
    """How one op class is computed.

    ``requires`` says why an op can't be, or None; ``parts`` how many launches it takes; ``tiled`` whether
    the kernel uses a tile of more than one output; ``lanes`` what the kernel leaves in the padding
    lanes of its result, given what its operands hold there.
    """

    build: Build
    requires: Requires
    parts: Callable[[Any], int]
    tiled: bool
    lanes: LanesOf


KERNELS: dict[type[Op], KernelDef] = {}


def kernel(
    *ops: type[Op],
    requires: Requires = lambda op: None,
    parts: Callable[[Any], int] = lambda op: 1,
    tiled: bool = False,
    lanes: LanesOf = lambda op, *operands: "any",
) -> Callable[[Build], Build]:
    """Registers the decorated function as what builds the kernel of these op classes."""

    def register(build: Build) -> Build:
        for op in ops:
            assert op not in KERNELS, op
            KERNELS[op] = KernelDef(build, requires, parts, tiled, lanes)
        return build

    return register


def definition(op: Op) -> KernelDef | None:
    """The kernel of an op: its class's own, or the generic elementwise one."""
    found = KERNELS.get(type(op))
    return found or (KERNELS.get(Op) if op.elementwise else None)


def unsupported(op: Op) -> str | None:
    """Why the GPU can't run ``op``, or None where it can. What this accepts can be built."""
    found = definition(op)
    if found is None:
        return op.reason if isinstance(op, Opaque) else "no kernel computes it"
    kinds = (("an operand", op.operands), ("its result", op.results))
    for what, value in ((what, v) for what, values in kinds for v in values):
        if value.type.dtype not in ("f32", "f16") and value.constant is None:
            return f"{what} is {value.type.dtype}, not float"
        if value.type.quantization is not None and value.type.dtype not in ("f32", "f16"):
            return f"{what} is quantised to {value.type.dtype}"
        if value.type.rank > 4 and value.constant is None:
            return f"{what} has {value.type.rank} axes, more than 4"
    if len(op.results) != 1:
        return f"it has {len(op.results)} results"
    if op.result.type.size == 0:
        return "its result is empty"
    if op.attributes.get("fused_activation_function") == "SIGN_BIT":
        return "its fused activation is SIGN_BIT"
    return found.requires(op)


def padding_lanes(fused: Fused) -> Lanes:
    """What the kernel of a fused op leaves in the padding lanes of its result."""
    outer = dict(zip(fused.body.inputs, fused.inputs, strict=True))
    known: dict[Value, Lanes] = {v: o.type.lanes for v, o in outer.items()}
    for op in fused.computing:
        operands = [known.get(v, "zero") for v in op.operands]
        found = definition(op)
        made = op.padding_lanes(*operands) if op.elementwise else "any"
        if found is not None and not op.elementwise:
            made = found.lanes(op, *operands)
        known[op.results[0]] = made
    return known[fused.body.outputs[0]]


def build(fused: Fused, name: str, tile: Tile, target: Target) -> list[Built]:
    """The kernels that compute a fused op, in launch order."""
    root = fused.root
    reason = unsupported(root)
    found = definition(root)
    if reason or found is None:
        raise UnsupportedError(f"{root.describe()}: {reason}")
    contexts = [Context(name, fused, tile, target, part) for part in range(found.parts(root))]
    return [found.build(root, context) for context in contexts]
