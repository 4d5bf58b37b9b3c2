"""Prints a Java host for Android: one class on android.opengl, and glue for TensorFlow Lite."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from tflgpuc.backends.files import BundleFiles
from tflgpuc.backends.hosts.plan import BYTES, Dispatch, Plan, Port, Segment, make_plan
from tflgpuc.backends.hosts.template import render
from tflgpuc.backends.manifest import Json
from tflgpuc.backends.printer import Namer
from tflgpuc.ir.errors import LimitError

# android.opengl keeps offsets and sizes in an int.
_LARGEST = 2**31 - 1
# A Java method is at most 64 KiB of code, and quick only where it is much shorter.
_STEPS_A_METHOD = 64

_KINDS = {
    "f16": "Short", "f32": "Float", "f64": "Double", "i8": "Byte", "i16": "Short", "i32": "Int",
    "i64": "Long", "u8": "Byte", "u16": "Short", "u32": "Int", "u64": "Long", "bool": "Byte",
    "c64": "Float", "c128": "Double",
}  # fmt: skip
_SIZES = {"Byte": 1, "Short": 2, "Int": 4, "Long": 8, "Float": 4, "Double": 8}
_NOTES = {
    "f16": "halves", "bool": "0 or 1", "c64": "pairs of floats", "c128": "pairs of doubles",
    "u8": "unsigned", "u16": "unsigned", "u32": "unsigned", "u64": "unsigned",
}  # fmt: skip


def print_java(manifest: Json, bundle: BundleFiles) -> dict[str, str]:
    """The classes in a package with the model's name, by their paths.

    Raises LimitError where a buffer has 2 GiB or more.
    """
    plan = make_plan(manifest, bundle, "glsl", _namer)
    for name, size in plan.buffers:
        if size > _LARGEST:
            raise LimitError(f"buffer {name}: {size} bytes; a Java host takes less than 2 GiB")
    space = Namer({*_keywords(), "java", "javax", "android"})(plan.model)
    ports = (*plan.inputs, *plan.outputs)
    arrays = [p for p in ports if not p.tensor.dynamic]
    values: dict[str, Any] = dict(
        plan=plan,
        space=space,
        parts=_parts(plan),
        kinds=sorted({_KINDS[p.tensor.dtype] for p in arrays}),
        kind=lambda p: _KINDS[p.tensor.dtype],
        count=_count,
        staging=max((p.tensor.bytes for p in arrays), default=0),
        about=_about,
        zeros=_zeros(plan),
        dynamic=any(t.dynamic for t in plan.host),
        initial_host=any(s.host is not None and s.initial for s in plan.states),
        string=_string,
    )
    names = ["Model.java"] + (["TfLiteSegments.java"] if plan.segments else [])
    return {f"{space}/{name}": render("java", f"{name}.j2", **values) for name in names}


def _keywords() -> list[str]:
    return files(__name__).joinpath("keywords.txt").read_text().split()


def _namer() -> Namer:
    return Namer(_keywords())


def _parts(plan: Plan) -> list[list[tuple[int, Dispatch | Segment]]]:
    """Dispatches and segments with their numbers in order, as many as a method takes in each list."""
    steps: list[tuple[int, Dispatch | Segment]] = []
    segments = list(enumerate(plan.segments))
    for i, dispatch in enumerate(plan.dispatches):
        while segments and segments[0][1].before == i:
            steps.append(segments.pop(0))
        steps.append((i, dispatch))
    steps += segments
    return [steps[i : i + _STEPS_A_METHOD] for i in range(0, len(steps), _STEPS_A_METHOD)]


def _count(port: Port) -> int:
    """Elements of the port's java.nio buffer."""
    tensor = port.tensor
    return tensor.count * BYTES[tensor.dtype] // _SIZES[_KINDS[tensor.dtype]]


def _zeros(plan: Plan) -> int:
    """Bytes of the largest state of the GPU that starts with zeros."""
    places = [s.tensor.place for s in plan.states if s.host is None and not s.initial]
    return max((p.bytes for p in places if p), default=0)


def _about(port: Port) -> str:
    tensor = port.tensor
    if tensor.dynamic and not tensor.shape:
        return f"{tensor.dtype} of a shape that each run gives"
    shape = " x ".join("?" if n == -1 else str(n) for n in tensor.shape) or "scalar"
    note = f", {_NOTES[tensor.dtype]}" if tensor.dtype in _NOTES else ""
    return f"{tensor.dtype} {shape}{note}"


def _string(text: str) -> str:
    """A string literal of Java."""
    units = text.encode("utf-16-be", errors="replace")
    codes = [units[i] << 8 | units[i + 1] for i in range(0, len(units), 2)]
    made = "".join(
        chr(c)
        if 0x20 <= c < 0x7F and chr(c) not in '"\\'
        else f"\\{c:03o}"
        if c < 0x80
        else f"\\u{c:04x}"
        for c in codes
    )
    return f'"{made}"'
