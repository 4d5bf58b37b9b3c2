"""Keys of measurements: what tells one variant of one kernel from all others, from compile to compile."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

from tflgpuc.backends.kernels.variants import Variant
from tflgpuc.ir.target import Target


def launch_keys(signature: Any, variants: Sequence[Variant], target: Target) -> list[str]:
    """A key for each variant of the kernel with this signature (see ``passes/choice.py``)."""
    first = family(target)
    # Without textures for weights only some kernels are others, so this is no part of the family.
    base = hashlib.sha256(_text((signature, target.texel_row)).encode())
    made = []
    for variant in variants:
        whole = base.copy()
        whole.update(repr(variant).encode())
        made.append(first + whole.hexdigest()[:32])
    return made


def family(target: Target) -> str:
    """How all keys begin that are for targets like this one."""
    # What of a target changes the code of a kernel, or how it is launched.
    facts = (
        target.max_invocations,
        target.max_group,
        target.storage_blocks,
        target.shared_bytes,
        target.wave,
        target.lanes_along_x,
        target.rates.registers,
    )
    return hashlib.sha256(_text(facts).encode()).hexdigest()[:8] + "-"


def _text(value: Any) -> str:
    """A value as text that doesn't depend on the process; fields that don't compare are left out."""
    match value:
        case tuple():
            return f"({','.join(map(_text, value))})"
        case type():
            return value.__qualname__
        case None | bool() | int() | float() | str() | bytes():
            return repr(value)
    if dataclasses.is_dataclass(value):
        told = [getattr(value, f.name) for f in dataclasses.fields(value) if f.compare]
        return type(value).__qualname__ + _text(tuple(told))
    raise TypeError(f"no key of {type(value).__name__}: {value!r}")
