"""Prints an Objective-C++ host for Metal: headers, which plain Objective-C reads too, and sources."""

from __future__ import annotations

from importlib.resources import files

from tflgpuc.backends.files import BundleFiles
from tflgpuc.backends.hosts.metal import about, make_metal_plan
from tflgpuc.backends.hosts.template import c_string, render
from tflgpuc.backends.manifest import Json
from tflgpuc.backends.printer import Namer

_TYPES = {
    "f16": "uint16_t", "f32": "float", "f64": "double", "i8": "int8_t", "i16": "int16_t",
    "i32": "int32_t", "i64": "int64_t", "u8": "uint8_t", "u16": "uint16_t", "u32": "uint32_t",
    "u64": "uint64_t", "bool": "uint8_t",
}  # fmt: skip


def print_objc(manifest: Json, bundle: BundleFiles) -> dict[str, str]:
    """The headers and source files by name; classes begin with the model's name in CamelCase."""
    made = make_metal_plan(manifest, bundle, "objc", _namer)
    values = {
        "plan": made.plan,
        "metal": made,
        "title": made.title,
        "types": _TYPES,
        "about": about,
        "initial_host": any(s.host is not None and s.initial for s in made.plan.states),
        "objc_string": lambda text: "@" + c_string(text),
    }
    names = ["Model.h", "Model.mm"] + (["TfLite.h", "TfLite.mm"] if made.plan.segments else [])
    return {made.title + name: render("objc", f"{name}.j2", **values) for name in names}


def _namer() -> Namer:
    """Names that neither Objective-C nor C++ reserves."""
    of_cpp = files("tflgpuc.backends.hosts.cpp").joinpath("keywords.txt").read_text().split()
    return Namer({*of_cpp, *files(__name__).joinpath("keywords.txt").read_text().split()})
