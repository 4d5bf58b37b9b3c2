"""Prints a Swift host for Metal: the launches as straight code, and glue for TensorFlow Lite."""

from __future__ import annotations

from importlib.resources import files
from itertools import pairwise

from tflgpuc.backends.files import BundleFiles
from tflgpuc.backends.hosts.metal import about, make_metal_plan
from tflgpuc.backends.hosts.plan import Dispatch, Plan
from tflgpuc.backends.hosts.template import render
from tflgpuc.backends.manifest import Json
from tflgpuc.backends.printer import Namer

# Swift takes long for a large array literal, and for a long function.
_STEPS_A_METHOD = 64

_TYPES = {
    "f16": "UInt16", "f32": "Float", "f64": "Double", "i8": "Int8", "i16": "Int16", "i32": "Int32",
    "i64": "Int64", "u8": "UInt8", "u16": "UInt16", "u32": "UInt32", "u64": "UInt64",
    "bool": "UInt8",
}  # fmt: skip


def print_swift(manifest: Json, bundle: BundleFiles) -> dict[str, str]:
    """The files by name; classes begin with the model's name in CamelCase."""
    made = make_metal_plan(manifest, bundle, "swift", _namer)
    runs = _runs(made.plan)
    values = {
        "plan": made.plan,
        "metal": made,
        "title": made.title,
        "types": _TYPES,
        "about": about,
        "runs": runs,
        "parts": [part for run in runs for part in run],
        "string": _string,
    }
    names = ["Model.swift"] + (["TfLite.swift"] if made.plan.segments else [])
    return {made.title + name: render("swift", f"{name}.j2", **values) for name in names}


def _runs(plan: Plan) -> list[list[tuple[Dispatch, ...]]]:
    """The launches before each segment, and after the last, as many as a method takes in each tuple."""
    ends = [s.before for s in plan.segments] + [len(plan.dispatches)]
    runs = [plan.dispatches[i:j] for i, j in pairwise([0, *ends])]
    return [
        [run[i : i + _STEPS_A_METHOD] for i in range(0, len(run), _STEPS_A_METHOD)] for run in runs
    ]


def _namer() -> Namer:
    return Namer(files(__name__).joinpath("keywords.txt").read_text().split())


def _string(text: str) -> str:
    """A string literal of Swift."""
    made = (
        c if " " <= c <= "~" and c not in '"\\' else f"\\u{{{ord(c):x}}}"
        for c in text.encode(errors="replace").decode()
    )
    return f'"{"".join(made)}"'
