"""Which kernel computes which op: registration, and the one predicate of what the GPU can run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tflgpuc.backends.kernels.constants import is_byte_weights
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.variants import Variant
from tflgpuc.backends.paging import release
from tflgpuc.ir.errors import UnsupportedError
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.cast import Cast
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.copy import Copy
from tflgpuc.ir.graph.ops.dequantize import Dequantize
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.ops.maximum import Maximum
from tflgpuc.ir.graph.ops.minimum import Minimum
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.graph.ops.quantize import Quantize
from tflgpuc.ir.graph.ops.select_v2 import SelectV2
from tflgpuc.ir.graph.types import DType, Lanes
from tflgpuc.ir.target import Target, Tile

Build = Callable[[Any, Context], Built]
Requires = Callable[[Any], "str | None"]
Tiled = Literal["", "slices", "pixels"] | tuple[Tile, ...]
LanesOf = Callable[..., Lanes]


@dataclass(frozen=True)
class KernelDef:
    """How one op class is computed.

    ``requires`` says why an op can't be, or None; ``parts`` how many launches it takes; ``tiled``
    what a tile of more than one output has: pixels and slices, pixels and rows, or tiles of the
    kernel's own; ``lanes`` what the kernel leaves in the padding lanes of its result, given what
    its operands hold there; ``any_rank`` whether it takes and gives tensors of more than four axes;
    ``narrow`` whether 8- and 16-bit integers stay what they are in it; ``indices`` names operand
    fields, by spaces, that may be i64 since their numbers are small; ``quantised`` those whose
    constants may be kept as bytes; ``row_major`` says that it also reads tensors of up to four axes
    in row-major order, which saves the copy of an input.
    """

    build: Build
    requires: Requires
    parts: Callable[[Any], int]
    tiled: Tiled
    lanes: LanesOf
    any_rank: bool = False
    narrow: bool = False
    indices: str = ""
    quantised: str = ""
    row_major: bool = False


KERNELS: dict[type[Op], KernelDef] = {}
# What kernels compute with, and what they only carry: in registers these are i32.
DEVICE_TYPES = ("f32", "f16", "i32", "bool")
NARROW = ("i8", "u8", "i16", "u16")
# Ops that know of scales or don't care, and elementwise ones that only choose among integers.
SCALES = (Quantize, Dequantize, Cast, Copy)
ORDERED = (Maximum, Minimum, SelectV2)


def kernel(
    *ops: type[Op],
    requires: Requires = lambda op: None,
    parts: Callable[[Any], int] = lambda op: 1,
    tiled: Tiled = "",
    lanes: LanesOf = lambda op, *operands: "any",
    any_rank: bool = False,
    narrow: bool = False,
    indices: str = "",
    quantised: str = "",
    row_major: bool = False,
) -> Callable[[Build], Build]:
    """Registers the decorated function as what builds the kernel of these op classes."""

    def register(build: Build) -> Build:
        for op in ops:
            assert op not in KERNELS, op
            KERNELS[op] = KernelDef(
                build,
                requires,
                parts,
                tiled,
                lanes,
                any_rank,
                narrow,
                indices,
                quantised,
                row_major,
            )
        return build

    return register


def definition(op: Op) -> KernelDef | None:
    """The kernel of an op: its class's own, or the generic elementwise one."""
    found = KERNELS.get(type(op))
    return found or (KERNELS.get(Op) if op.elementwise else None)


def unsupported(op: Op, target: Target | None = None) -> str | None:
    """Why the GPU can't run ``op``, or None where it can. What this accepts can be built."""
    found = definition(op)
    if found is None:
        return op.reason if isinstance(op, Opaque) else "no kernel computes it"
    allowed = {id(getattr(op, field, None)) for field in found.indices.split()}
    packed = {id(getattr(op, field)) for field in found.quantised.split()}
    for what, values in (("an operand", op.operands), ("its result", op.results)):
        for value in values:
            if id(value) in packed and is_byte_weights(value):
                continue
            index = id(value) in allowed or (what == "its result" and "result" in found.indices)
            reason = _unfit(value, found, op.narrow, index, target)
            if reason is None and what == "an operand" and not index:
                reason = _untried(value, type(op), op.narrow or found.narrow)
            if reason is not None:
                return f"{what} {reason}"
    if len(op.results) != 1:
        return f"it has {len(op.results)} results"
    if op.attributes.get("fused_activation_function") == "SIGN_BIT":
        return "its fused activation is SIGN_BIT"
    return _unscaled(op, packed) or found.requires(op)


def _unscaled(op: Op, packed: set[int]) -> str | None:
    """Why an op's integers can't be taken as they are where they stand for real numbers."""
    if isinstance(op, SCALES):
        return None
    values = (v for v in (*op.operands, *op.results) if id(v) not in packed)
    types = [v.type for v in values if v.type.dtype in NARROW and v.type.quantization is not None]
    if types and op.elementwise and not isinstance(op, ORDERED):
        return "it computes with quantised numbers"
    if len({(t.dtype, t.quantization) for t in types}) > 1:
        return "its tensors are quantised differently"
    return None


_SAMPLED: dict[type[Op], frozenset[DType]] = {}


def sampled_types(op: type[Op]) -> frozenset[DType]:
    """The element types of what an op's samples read: those that its kernel is tested with."""
    if op not in _SAMPLED:
        values = (v for sample in op.samples() for v in sample.operands if v.constant is None)
        _SAMPLED[op] = frozenset(v.type.dtype for v in values) | {"f16", *op.beyond}
    return _SAMPLED[op]


def _untried(value: Value, op: type[Op], narrow: bool) -> str | None:
    """Why a kernel isn't known to compute with an element type."""
    if narrow or value.constant is not None or value.type.dtype in sampled_types(op):
        return None
    return f"is {value.type.dtype}"


def _unfit(
    value: Value, found: KernelDef, narrow: bool, index: bool, target: Target | None
) -> str | None:
    """Why a kernel can't read or make a value."""
    type = value.type
    if type.size == 0 and value.constant is None:
        return "is empty"
    if type.dynamic:
        return "has a shape that is only known at run time"
    if target is not None and value.constant is None and type.bytes > target.storage_bytes:
        return f"takes {type.bytes} bytes, target {target.name} binds {target.storage_bytes}"
    if value.constant is not None and value.constant.dtype.kind in "iub" and index:
        return None
    if type.dtype in NARROW:
        if not (narrow or found.narrow):
            kind = "quantised to " if type.quantization is not None else ""
            return f"is {kind}{type.dtype}"
    elif type.dtype not in DEVICE_TYPES and not (
        type.dtype == "i64" and (index or value.constant is not None)
    ):
        return f"is {type.dtype}"
    if type.rank > 4 and not found.any_rank and value.constant is None:
        return f"has {type.rank} axes, more than 4"
    return None


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


def build(
    fused: Fused, name: str, variant: Variant, target: Target, dry: bool = False
) -> list[Built]:
    """The kernels that compute a fused op, in launch order; ``dry`` ones lack their constants."""
    root = fused.root
    reason = unsupported(root, target)
    found = definition(root)
    if reason or found is None:
        raise UnsupportedError(f"{root.describe()}: {reason}")
    parts = range(found.parts(root))
    contexts = [Context(name, fused, variant, target, part, dry) for part in parts]
    made = [found.build(root, context) for context in contexts]
    if not dry:
        for op in fused.body.ops:
            if isinstance(op, Constant):
                release(op.data)
    return made
