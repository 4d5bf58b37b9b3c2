"""Prints a JavaScript host: an ES module for WebGPU, and its TypeScript types."""

from __future__ import annotations

import json
from typing import Any

from tflgpuc.backends.files import BundleFiles
from tflgpuc.backends.hosts.plan import BYTES, Place, Plan, Tensor, make_plan
from tflgpuc.backends.hosts.template import render
from tflgpuc.backends.manifest import Json
from tflgpuc.backends.printer import Namer
from tflgpuc.backends.wgsl.access import writable_bindings

# The typed array of each element type. Halves are their bits, bools bytes, complex numbers pairs.
ARRAYS = {
    "f16": "Uint16Array", "f32": "Float32Array", "f64": "Float64Array",
    "i8": "Int8Array", "i16": "Int16Array", "i32": "Int32Array", "i64": "BigInt64Array",
    "u8": "Uint8Array", "u16": "Uint16Array", "u32": "Uint32Array", "u64": "BigUint64Array",
    "bool": "Uint8Array", "c64": "Float32Array", "c128": "Float64Array",
}  # fmt: skip


def print_js(manifest: Json, bundle: BundleFiles) -> dict[str, str]:
    """The module and its types by their files' names, which are the model's."""
    plan = make_plan(manifest, bundle, "wgsl", lambda: Namer(()))
    space = Namer(("index",))(plan.model)
    shown: dict[str, Any] = {
        "plan": plan,
        "space": space,
        "arrays": ARRAYS,
        "json": _json,
        "port": _tensor,
        "place": _place,
        "programs": _programs(manifest, plan),
        "staging": _staging_bytes(plan),
        "kept": sum(_words(s.tensor.place.bytes) for s in _moved(plan) if s.tensor.place),
    }
    return {
        f"{space}.js": render("js", "model.js.j2", **shown),
        f"{space}.d.ts": render("js", "model.d.ts.j2", **shown),
    }


def _json(value: object) -> str:
    """A literal; separators of lines, which JSON leaves as they are, can't end it."""
    return json.dumps(value, ensure_ascii=True)


def _words(size: int) -> int:
    return -(-size // 4) * 4


def _place(place: Place | None) -> list[int] | None:
    return None if place is None else [place.buffer, place.offset, place.bytes]


def _tensor(tensor: Tensor) -> str:
    """A tensor as a literal: its typed array, number of elements and place."""
    pairs = 2 if tensor.dtype in ("c64", "c128") else 1
    array, count = ARRAYS[tensor.dtype], tensor.count * pairs
    return (
        f"dtype: {_json(tensor.dtype)}, shape: {_json(list(tensor.shape))}, array: {array}, "
        f"count: {count}, place: {_json(_place(tensor.place))}"
    )


def _programs(manifest: Json, plan: Plan) -> list[tuple[str, str, str]]:
    """Each program's name, file, and its bindings: a letter each, w where it is writable."""
    writable = writable_bindings(manifest)
    counts = {p["name"]: len(p["bindings"]) for p in manifest["programs"]}
    return [
        (
            p.name,
            p.file,
            "".join("w" if i in writable[p.name] else "r" for i in range(counts[p.name])),
        )
        for p in plan.programs
    ]


def _moved(plan: Plan) -> list[Any]:
    """The states that the GPU copies at the end of a run."""
    return [s for s in plan.states if s.moves and s.host is None and s.next_host is None]


def _staging_bytes(plan: Plan) -> int:
    """Bytes that are read back at once, at most: all outputs, or a tensor that a segment reads."""
    outputs = sum(_words(p.tensor.bytes) for p in plan.outputs if p.tensor.place)
    fetched = [_words(plan.host[i].bytes) for s in plan.segments for i in s.fetch]
    states = [_words(s.next.bytes) for s in plan.states if s.host is not None]
    return max(outputs, *fetched, *states, 4) if (fetched or states) else max(outputs, 4)


assert set(ARRAYS) == set(BYTES)
