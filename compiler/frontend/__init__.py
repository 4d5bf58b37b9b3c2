"""From a .tflite file to the IR."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tflgpuc.frontend.flatbuffer import Record
from tflgpuc.frontend.model_file import ModelFile, ints, item, map_file, possible
from tflgpuc.frontend.subgraphs import Subgraphs
from tflgpuc.ir.errors import ModelError, UsageError
from tflgpuc.ir.graph.graph import Module, Signature


def import_model(
    model: str | os.PathLike[str] | bytes,
    *,
    input_shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> Module:
    """All subgraphs of a model, given as a path or as the file's bytes; constants are views of it.

    ``input_shapes`` replaces shapes of the first subgraph's inputs, by name; the rest follows by
    inference. Raises ModelError for anything wrong with the file and UsageError for a missing file,
    an unknown input or impossible shapes, both with the file's name in front.
    """
    name, data = ("model", model) if isinstance(model, bytes) else (os.fspath(model), None)
    shapes = dict(input_shapes or {})
    for key, shape in shapes.items():
        if not possible(shape) or 0 in shape:
            raise UsageError(f"input {key!r}: {'x'.join(map(str, shape))} is no shape")
    file_name = Path(name).name
    contents = map_file(name) if data is None else data
    try:
        return _import(ModelFile(contents), Path(name).stem, shapes)
    except (ModelError, UsageError) as error:
        raise type(error)(*(f"{file_name}: {p}" for p in error.problems)) from error


def _import(file: ModelFile, name: str, shapes: Mapping[str, tuple[int, ...]]) -> Module:
    graphs = Subgraphs(file, shapes).all()
    file.check_calls()
    return Module(
        graphs,
        name=name,
        description=file.model.description or "",
        signatures=tuple(_signature(file, record) for record in file.model.signature_defs),
        metadata=file.metadata(),
    )


def _signature(file: ModelFile, record: Record) -> Signature:
    where = f"signature {record.signature_key or ''!r}"
    graph = item(file.subgraphs, record.subgraph_index, f"{where}: subgraph")
    return Signature(
        key=record.signature_key or "",
        graph=record.subgraph_index,
        inputs=_positions(record.inputs, ints(graph.inputs), f"{where}, input"),
        outputs=_positions(record.outputs, ints(graph.outputs), f"{where}, output"),
    )


def _positions(maps: list[Record], tensors: tuple[int, ...], where: str) -> dict[str, int]:
    """Argument names to positions among a subgraph's inputs or outputs."""
    position = {tensor: i for i, tensor in reversed(list(enumerate(tensors)))}
    found = {}
    for entry in maps:
        name = entry.name or ""
        if entry.tensor_index not in position:
            raise ModelError(f"{where} {name!r}: tensor {entry.tensor_index} is none of those")
        found[name] = position[entry.tensor_index]
    return found
