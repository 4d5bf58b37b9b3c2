"""Prints a Python host: one module that needs NumPy and, through ctypes, libEGL and libGLESv2."""

from __future__ import annotations

import keyword
import sys

from tflgpuc.backends.files import BundleFiles
from tflgpuc.backends.hosts.plan import make_plan
from tflgpuc.backends.hosts.template import render
from tflgpuc.backends.manifest import Json
from tflgpuc.backends.printer import Namer

_DTYPES = {
    "f16": "float16", "f32": "float32", "f64": "float64", "i8": "int8", "i16": "int16",
    "i32": "int32", "i64": "int64", "u8": "uint8", "u16": "uint16", "u32": "uint32",
    "u64": "uint64", "bool": "bool", "c64": "complex64", "c128": "complex128",
}  # fmt: skip


def print_python(manifest: Json, bundle: BundleFiles) -> dict[str, str]:
    """The module by its file's name, which is the model's."""
    plan = make_plan(manifest, bundle, "glsl", _namer)
    space = _namer()(plan.model)
    text = render(
        "python",
        "host.py.j2",
        plan=plan,
        space=space,
        dtypes=_DTYPES,
        alignment=plan.alignment,
        initial_host=any(s.host is not None and s.initial for s in plan.states),
    )
    return {f"{space}.py": text}


def _namer() -> Namer:
    """Names that are no keywords, and no modules that the host imports."""
    return Namer({*keyword.kwlist, *keyword.softkwlist, *sys.stdlib_module_names, "numpy"})
