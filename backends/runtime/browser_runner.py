"""Runs a bundle by its JavaScript host, in a headless Chromium."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import numpy as np

from tflgpuc.backends.files import BundleFiles
from tflgpuc.backends.hosts.js import print_js
from tflgpuc.backends.runtime.base import Array, Runner, StepTime
from tflgpuc.backends.runtime.browser import Page
from tflgpuc.ir.errors import BundleError
from tflgpuc.ir.graph.types import NUMPY

# What the page has around the host: typed arrays to text and back, and the model.
GLUE = """async ([module, segments]) => {
  const { Model } = await import(module);
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  window.textOf = (array) => {
    const data = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    let made = "";
    for (let i = 0; i < data.length; i += 32768) {
      made += String.fromCharCode(...data.subarray(i, i + 32768));
    }
    return btoa(made);
  };
  window.arrayOf = ([kind, text]) => new globalThis[kind](bytes(text).buffer);
  window.arraysOf = (given) =>
    Object.fromEntries(Object.entries(given).map(([name, array]) => [name, arrayOf(array)]));
  const run = (file) => async (inputs) => (await runSegment(file, inputs.map(textOf))).map(arrayOf);
  const functions = Object.fromEntries(segments.map((file) => [file, run(file)]));
  window.model = await Model.create({ segments: functions });
}"""
RUN = """async (inputs) => {
  const outputs = await model.run(arraysOf(inputs));
  return Object.entries(outputs).map(([name, array]) => [name, textOf(array)]);
}"""


class BrowserRunner(Runner):
    """Owns a page. The host is the bundle's, or printed for it here."""

    def __init__(self, bundle: BundleFiles) -> None:
        super().__init__(bundle)
        printed = print_js(self.manifest, bundle)
        self._host = {f"host/js/{name}": text.encode() for name, text in printed.items()}
        # Shapes of what segments make, where only a run tells.
        self._steps = {s["file"]: s for s in self.manifest["steps"] if s["type"] == "segment"}
        self._made: dict[str, Array] = {}
        self._given: dict[str, Array] = {}
        self.page = Page(self._file)
        try:
            self.page.expose("runSegment", self._segment)
            module = next(path for path in self._host if path.endswith(".js"))
            self.page.evaluate(GLUE, [f"/{module}", list(self._steps)])
        except BaseException:
            self.page.close()
            raise

    def _file(self, path: str) -> bytes | None:
        name = unquote(path)
        try:
            return self._host.get(name) or self.bundle.bytes(name)
        except BundleError:
            return None

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        made = dict(self.page.evaluate(RUN, self._packed(inputs)))
        return {p["name"]: self._array(p, made[p["name"]]) for p in self.manifest["outputs"]}

    def profile(self, inputs: Mapping[str, Array]) -> list[StepTime]:
        """The dispatches by the browser's clock; none where it has no time stamps."""
        script = "async (inputs) => model.profile(arraysOf(inputs))"
        found = self.page.evaluate(script, self._packed(inputs))
        steps = [s for s in self.manifest["steps"] if s["type"] == "dispatch"]
        return [
            StepTime(s["program"], self.ops_of(s), s["macs"], t["milliseconds"] / 1e3)
            for s, t in zip(steps, found, strict=bool(found))
        ]

    def reset(self) -> None:
        super().reset()
        self.page.evaluate("async () => model.reset()")

    def close(self) -> None:
        self.page.evaluate("() => model.close()")
        self.page.close()

    # --- arrays as text ---

    def _packed(self, inputs: Mapping[str, Array]) -> dict[str, list[str]]:
        self._given = self.checked(inputs)
        return {name: _text(array) for name, array in self._given.items()}

    def _array(self, tensor: Mapping[str, Any], text: str) -> Array:
        """The array of a text; of shapes that only a run tells, the one that a segment made."""
        name = tensor.get("tensor", tensor["name"])
        data = np.frombuffer(base64.b64decode(text), NUMPY[tensor["dtype"]])
        known = self._made.get(name)
        shape = tensor["shape"] if known is None or known.size != data.size else known.shape
        return data.reshape([max(n, -1) for n in shape]).copy()

    def _segment(self, file: str, texts: list[str]) -> list[list[str]]:
        step = self._steps[file]
        given = [
            self._array(self.tensors[name], text)
            for name, text in zip(step["inputs"], texts, strict=True)
        ]
        made = self.segments[file].run(given)
        self._made.update(zip(step["outputs"], made, strict=True))
        return [_text(array) for array in made]


# JavaScript's typed arrays by NumPy's types; see the host's own table.
KINDS = {
    "float32": "Float32Array", "float64": "Float64Array", "float16": "Uint16Array",
    "int8": "Int8Array", "int16": "Int16Array", "int32": "Int32Array", "int64": "BigInt64Array",
    "uint8": "Uint8Array", "uint16": "Uint16Array", "uint32": "Uint32Array",
    "uint64": "BigUint64Array", "bool": "Uint8Array", "complex64": "Float32Array",
    "complex128": "Float64Array",
}  # fmt: skip


def _text(array: Array) -> list[str]:
    data = np.ascontiguousarray(array)
    return [KINDS[str(array.dtype)], base64.b64encode(data.tobytes()).decode()]
