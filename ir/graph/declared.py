"""From an operator as TFLite has it, by opcode, inputs and options, to the op that declares it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tflgpuc.ir.errors import TflgpucError, UnsupportedError, VerifyError
from tflgpuc.ir.graph.op import TFLITE_OPS, Op, Value
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.graph.types import TensorType

Operands = Sequence[Value | None]
# What an op's own code may raise on operands that its verify() should have refused.
MISFITS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
)


def operand_fields(cls: type[Op]) -> list[str]:
    """The names of an op's operands, in TFLite's order."""
    return [k for k, kind in cls.kinds().items() if kind not in ("attribute", "region")]


def positional(cls: type[Op], operands: Operands) -> dict[str, Any]:
    """The operand fields of ``cls`` from TFLite's input list; VerifyError where they don't fit."""
    kinds = cls.kinds()
    names = operand_fields(cls)
    left = list(operands)
    found: dict[str, Any] = {}
    for i, name in enumerate(names):
        if kinds[name] == "variadic":
            count = max(0, len(left) - (len(names) - i - 1))
            found[name], left = tuple(left[:count]), left[count:]
            if None in found[name]:
                raise VerifyError(f"operand {name!r} has gaps")
            continue
        value = left.pop(0) if left else None
        if value is None and kinds[name] == "operand":
            raise VerifyError(f"operand {name!r} is missing")
        found[name] = value
    if any(value is not None for value in left):
        raise UnsupportedError(f"{len(operands)} operands, at most {len(names)} are known")
    return found


def declared(
    cls: type[Op], operands: Operands, options: Mapping[str, Any], results: int, **fields: Any
) -> Op:
    """An op of ``cls`` with its types inferred.

    ``fields`` are regions and what every op has. Raises what ``verify`` and ``infer`` raise, and
    VerifyError where the options want more than the file's number of ``results``.
    """
    for name in ("num", "num_splits"):
        # Before anything makes a list of that length.
        if options.get(name, 0) > results:
            raise VerifyError(f"{name} {options[name]}, but {results} results")
    op = cls(**positional(cls, operands), **cls.from_tflite(options), **fields)
    op.verify()
    _ = op.results
    return op


def settled(op: Opaque) -> Op | None:
    """The op that an operator is, now that more is known about its operands; None where it isn't."""
    cls = TFLITE_OPS.get(op.opcode)
    regions = cls is not None and "region" in cls.kinds().values()
    if cls is None or regions or not op.at_run_time or any(v.type.dynamic for v in op.inputs):
        return None
    operands: list[Value | None] = list(op.inputs)
    for position in sorted(op.absent):
        operands.insert(position, None)
    try:
        made = declared(
            cls,
            operands,
            dict(op.options),
            len(op.types),
            sources=op.sources,
            names=op.names,
            quantization=tuple(t.quantization for t in op.types),
        )
    except (*MISFITS, TflgpucError):
        return None
    if [v.type.dtype for v in made.results] != [t.dtype for t in op.types]:
        return None
    return made


def opened(type: TensorType) -> TensorType:
    """The type of a tensor whose shape is the file's guess; no axis is certain unless it says so."""
    signature = type.signature
    if signature is None or -1 not in signature:
        signature = (-1,) * type.rank
    return replace(type, dynamic=True, signature=signature)
