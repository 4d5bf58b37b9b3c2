"""What a bundle's formats do to arrays, in NumPy: the reference of its first and last dispatches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tflgpuc.ir.errors import BundleError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.image_formats import OutputFormat, input_format, output_format
from tflgpuc.passes.formats import image_input, output_graph

Array = NDArray[Any]
Port = Mapping[str, Any]


class Conversions:
    """Between what a bundle takes and gives and what its model does, by the model's own graph.

    Without formats in the manifest both are the same. Raises BundleError where there are some and the
    graph is None, or hasn't got what they name.
    """

    def __init__(self, manifest: Mapping[str, Any], graph: Graph | None) -> None:
        self._inputs: dict[str, Graph] = {}
        self._outputs: dict[int, tuple[OutputFormat, Graph]] = {}
        formats = manifest.get("formats")
        if formats is None:
            return
        if graph is None:
            raise BundleError("the bundle has formats, and its model can't be read")
        for entry in formats["inputs"]:
            name = entry["name"]
            value = graph.inputs[_place(name, graph.input_names, graph.inputs)]
            self._inputs[name] = image_input(name, input_format(name, entry["format"]), value.type)
        for entry in formats["outputs"]:
            name = entry["name"]
            at = _place(name, graph.output_names, graph.outputs)
            format = output_format(name, entry["format"])
            self._outputs[at] = format, output_graph(name, format, graph.outputs[at].type)

    def given(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """The model's inputs for the bundle's."""
        return {
            name: self._inputs[name].evaluate([array])[0] if name in self._inputs else array
            for name, array in arrays.items()
        }

    def made(self, outputs: Sequence[Array]) -> list[Array]:
        """The bundle's outputs for the model's."""
        found: list[Array] = []
        for i, array in enumerate(outputs):
            known = self._outputs.get(i)
            found += known[1].evaluate([array]) if known else [array]
        return [np.asarray(array) for array in found]

    def sources(self, count: int) -> list[tuple[int, OutputFormat | None, bool]]:
        """For each of the bundle's outputs: which of the model's ``count`` it comes of, how, and
        whether it holds places.
        """
        found: list[tuple[int, OutputFormat | None, bool]] = []
        for i in range(count):
            format = self._outputs[i][0] if i in self._outputs else None
            found.append((i, format, format is not None and format.kind == "argmax"))
            if format is not None and format.kind == "top_k":
                found.append((i, format, True))
        return found


def model_inputs(manifest: Mapping[str, Any]) -> list[Port]:
    """The inputs that a manifest lists as the model has them."""
    own = {entry["name"]: entry for entry in manifest.get("formats", {"inputs": []})["inputs"]}
    return [own.get(port["name"], port) for port in manifest["inputs"]]


def _place(name: str, names: Sequence[str], values: Sequence[Value]) -> int:
    known = list(names) or [v.name for v in values]
    if name not in known:
        raise BundleError(f"the model has nothing named {name!r}, of which the bundle has a format")
    return known.index(name)
