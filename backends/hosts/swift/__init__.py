"""Prints a Swift host for Metal: one file, with the launches as straight code."""

from __future__ import annotations

from importlib.resources import files

from tflgpuc.backends.files import BundleFiles
from tflgpuc.backends.hosts.metal import about, make_metal_plan
from tflgpuc.backends.hosts.template import render
from tflgpuc.backends.manifest import Json
from tflgpuc.backends.printer import Namer

# Swift takes long for a large array literal, and for a long function.
_STEPS_A_METHOD = 64

_TYPES = {
    "f16": "UInt16", "f32": "Float", "i8": "Int8", "i16": "Int16", "i32": "Int32",
    "i64": "Int64", "u8": "UInt8", "u16": "UInt16", "u32": "UInt32", "u64": "UInt64",
    "bool": "UInt8",
}  # fmt: skip


def print_swift(manifest: Json, bundle: BundleFiles) -> dict[str, str]:
    """The file by its name; the class begins with the model's name in CamelCase."""
    made = make_metal_plan(manifest, bundle, "swift", _namer)
    steps = made.plan.dispatches
    text = render(
        "swift",
        "Model.swift.j2",
        plan=made.plan,
        metal=made,
        title=made.title,
        types=_TYPES,
        about=about,
        parts=[steps[i : i + _STEPS_A_METHOD] for i in range(0, len(steps), _STEPS_A_METHOD)],
        string=_string,
    )
    return {f"{made.title}Model.swift": text}


def _namer() -> Namer:
    return Namer(files(__name__).joinpath("keywords.txt").read_text().split())


def _string(text: str) -> str:
    """A string literal of Swift."""
    made = (
        c if " " <= c <= "~" and c not in '"\\' else f"\\u{{{ord(c):x}}}"
        for c in text.encode(errors="replace").decode()
    )
    return f'"{"".join(made)}"'
