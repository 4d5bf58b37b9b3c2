"""What a model or a bundle consists of, as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tflgpuc.backends.bundle import Bundle
from tflgpuc.frontend import import_model
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.passes.inline import Inline
from tflgpuc.passes.partition import refusals
from tflgpuc.passes.spectra import Spectra
from tflgpuc.targets import DEFAULT, load_target

Row = dict[str, Any]


def inspect_model(path: Path) -> Row:
    """Inputs, outputs, signatures and ops of a model; ``where`` says GPU, or why not."""
    module = import_model(path)
    graph = module.main
    refused = _refusals(graph)
    ops = [_op(i, op, refused) for i, op in enumerate(graph.ops) if not isinstance(op, Constant)]
    return {
        "model": module.name,
        "description": module.description,
        "subgraphs": len(module.graphs),
        "inputs": [_value(n, v) for n, v in zip(graph.input_names, graph.inputs, strict=False)],
        "outputs": [_value(n, v) for n, v in zip(graph.output_names, graph.outputs, strict=False)],
        "signatures": [s.key for s in module.signatures],
        "macs": sum(row["macs"] for row in ops),
        "constant_bytes": sum(op.data.nbytes for op in graph.ops if isinstance(op, Constant)),
        "histogram": _histogram(ops),
        "ops": ops,
    }


def _refusals(graph: Graph) -> dict[tuple[int, int], str]:
    """Why the GPU can't run operators, by subgraph and operator."""
    target = load_target(DEFAULT)
    # What partition sees: loops unrolled, spectra as products.
    seen = Spectra().run(Inline().run(graph, target), target)
    return {
        (source.subgraph, source.operator): reason
        for op, reason in refusals(seen, target).items()
        for source in op.sources
    }


def _op(index: int, op: Op, refused: dict[tuple[int, int], str]) -> Row:
    source = op.sources[0] if op.sources else None
    key = (source.subgraph, source.operator) if source else (0, -1)
    return {
        "op": source.operator if source else index,
        "opcode": source.opcode if source else op.name,
        "name": source.label if source else "",
        "inputs": " ".join(str(v.type) for v in op.operands if v.constant is None),
        "outputs": " ".join(str(v.type) for v in op.results),
        "macs": op.macs(),
        "where": refused.get(key, "GPU"),
    }


def _histogram(ops: Sequence[Row]) -> list[Row]:
    counts = Counter((row["opcode"], row["where"]) for row in ops)
    macs: Counter[tuple[str, str]] = Counter()
    for row in ops:
        macs[row["opcode"], row["where"]] += row["macs"]
    return [
        {"opcode": opcode, "count": n, "macs": macs[opcode, where], "where": where}
        for (opcode, where), n in counts.most_common()
    ]


def _value(name: str, value: Value) -> Row:
    return {"name": name, "type": str(value.type)}


def inspect_bundle(bundle: Bundle) -> Row:
    """The manifest's inputs, outputs, memory and steps, a row each."""
    made = bundle.manifest
    sizes = {p["name"]: p["work_group"] for p in made["programs"]}
    return {
        "model": made["model"]["name"],
        "target": made["target"],
        "precision": made["precision"],
        "inputs": [_port(p, made, "inputs") for p in made["inputs"]],
        "outputs": [_port(p, made, "outputs") for p in made["outputs"]],
        "memory": made["memory"],
        "programs": len(made["programs"]),
        "steps": [_step(step, sizes) for step in made["steps"]],
    }


def _step(step: Row, sizes: dict[str, list[int]]) -> Row:
    segment = step["type"] == "segment"
    size = [] if segment else sizes[step["program"]]
    return {
        "program": step["file"] if segment else step["program"],
        "groups": "" if segment else "x".join(map(str, step["groups"])),
        "work group": "x".join(map(str, size)),
        "tile": "" if segment else "x".join(map(str, step["tile"])),
        "macs": step["macs"],
        "bytes": step["bytes"],
        "barrier": not segment and step["barrier"],
        "ops": "+".join(dict.fromkeys(s["opcode"].lower() for s in step["sources"])) or "copy",
    }


def _port(port: Row, manifest: Row, kind: str) -> Row:
    """Name and type; for what isn't as the model has it, the format."""
    row = {"name": port["name"], "type": "x".join(map(str, [*port["shape"], port["dtype"]]))}
    listed = manifest.get("formats", {}).get(kind, ())
    formats = {f["name"]: f["format"] for f in listed}
    return row | ({"format": formats[port["name"]]} if port["name"] in formats else {})
