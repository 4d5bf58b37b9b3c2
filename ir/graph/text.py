"""The graph IR as text that parses back: every op prints through its declaration.

Constants of up to 16 elements print their values. Larger ones print a digest and statistics; the parser
takes their data from a mapping that ``constants_of`` makes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tflgpuc.ir.graph.graph import Graph, Module
from tflgpuc.ir.graph.op import Array, Op, Source, Value
from tflgpuc.ir.graph.types import Quantization, TensorType

LARGE = 16


def print_graph(graph: Graph) -> str:
    """The graph as text."""
    return "\n".join(_graph(graph, "")) + "\n"


def print_module(module: Module) -> str:
    """All graphs of a module, with what belongs to the whole."""
    head = [
        f"module {json.dumps(module.name)} {{",
        f"  description {json.dumps(module.description)}",
    ]
    for s in module.signatures:
        head.append(
            f"  signature {json.dumps(s.key)} {s.graph} {_ports(s.inputs)} {_ports(s.outputs)}"
        )
    head += [f"  metadata {json.dumps(k)} {_attribute(v)}" for k, v in module.metadata.items()]
    body = [f"  {line}" for graph in module.graphs for line in _graph(graph, "")]
    return "\n".join([*head, *body, "}"]) + "\n"


def constants_of(graph: Graph | Module) -> dict[str, Array]:
    """The large arrays of a graph by digest: what parsing its text needs besides the text."""
    graphs = graph.graphs if isinstance(graph, Module) else (graph,)
    found = {}
    for one in graphs:
        for op in one.walk():
            for value in op.attributes.values():
                if isinstance(value, np.ndarray) and value.size > LARGE:
                    found[digest(value)] = value
        for state in one.states:
            if state.initial is not None and state.initial.size > LARGE:
                found[digest(state.initial)] = state.initial
    return found


def digest(array: Array) -> str:
    """The first 32 hex digits of the SHA-256 of an array's type, shape and bytes."""
    head = f"{array.dtype.str} {array.shape} ".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()[:32]


def difference(a: Graph, b: Graph) -> str | None:
    """The first line in which two graphs differ, as both spell it; None where they are equal."""
    left, right = print_graph(a).splitlines(), print_graph(b).splitlines()
    for x, y in zip(left, right, strict=False):
        if x != y:
            return f"{x.strip()}\n{y.strip()}"
    return None if len(left) == len(right) else f"{len(left)} lines, {len(right)} lines"


def equal(a: Graph, b: Graph) -> bool:
    """Whether two graphs have the same ops, attributes, types, names and sources."""
    return difference(a, b) is None


def _graph(graph: Graph, indent: str) -> Iterator[str]:
    names = {v: f"%{i}" for i, v in enumerate(graph.inputs)}
    inputs = ", ".join(
        f"{names[v]}: {print_type(v.type)}" + (f" {json.dumps(v.name)}" if v.name else "")
        for v in graph.inputs
    )
    yield f"{indent}graph @{json.dumps(graph.name)}({inputs}) {{"
    for op in graph.ops:
        for v in op.results:
            names[v] = f"%{len(names)}"
        yield from _op(op, names, indent + "  ")
    outputs = ", ".join(names[v] for v in graph.outputs)
    named = "".join(
        f" {kind}({', '.join(map(json.dumps, given))})"
        for kind, given in (("inputs", graph.input_names), ("outputs", graph.output_names))
        if given
    )
    states = ", ".join(
        f"{json.dumps(s.name)}: {print_type(s.type)} = {_attribute(s.initial)}"
        for s in graph.states
    )
    kept = f" states({states})" if states else ""
    yield f"{indent}  return {outputs}{named}{kept}"
    yield f"{indent}}}"


def _op(op: Op, names: Mapping[Value, str], indent: str) -> Iterator[str]:
    results = ", ".join(names[v] for v in op.results)
    operands = ", ".join(
        _operand(getattr(op, field), names)
        for field, kind in op.kinds().items()
        if kind in ("operand", "optional", "variadic")
    )
    attributes = ", ".join(f"{k} = {_attribute(v)}" for k, v in op.attributes.items())
    head = f"{indent}{results}{' = ' if results else ''}{op.name}({operands})"
    if attributes:
        head += f" {{{attributes}}}"
    for region in op.regions.values():
        first, *rest = _graph(region, indent + "  ")
        yield f"{head} {first.strip()}"
        yield from rest[:-1]
        head = f"{indent}  }}"
    types = ", ".join(print_type(v.type) for v in op.results)
    head += f" : {types}" if types else " : none"
    if op.names:
        head += f" names({', '.join(map(json.dumps, op.names))})"
    if op.sources:
        head += f" loc({'; '.join(map(_source, op.sources))})"
    yield head


def _operand(value: Value | tuple[Value, ...] | None, names: Mapping[Value, str]) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(names[v] for v in value)}]"
    return "_" if value is None else names[value]


def _source(source: Source) -> str:
    outputs = ", ".join(map(json.dumps, source.outputs))
    text = f"{source.subgraph}:{source.operator} {json.dumps(source.opcode)} [{outputs}]"
    return text if source.version == 1 else f"{text} version {source.version}"


def print_type(type: TensorType) -> str:
    """A type with all its facts."""
    text = str(type)
    q = type.quantization
    if q is not None:
        text += f" q({_attribute(q.scale)}, {_attribute(q.zero_point)}, {q.axis})"
    if type.signature is not None:
        text += f" signature({_attribute(type.signature)})"
    return f"{text} dynamic" if type.dynamic else text


def _attribute(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool() | np.bool_():
            return "true" if value else "false"
        case int() | np.integer():
            return str(int(value))
        case float() | np.floating():
            return repr(float(value))
        case str():
            return json.dumps(value)
        case bytes():
            return f"hex{json.dumps(value.hex())}"
        case tuple() | list():
            return f"[{', '.join(map(_attribute, value))}]"
        case TensorType():
            return f"!{print_type(value)}"
        case Quantization():
            return f"!q({_attribute(value.scale)}, {_attribute(value.zero_point)}, {value.axis})"
        case np.ndarray():
            return _dense(value)
        case Mapping():
            return _attribute(tuple(value.items()))
    raise TypeError(f"an attribute of type {type(value).__name__} has no text form")


def _dense(array: Array) -> str:
    shape = "x".join(map(str, array.shape)) or "scalar"
    head = f"dense<{json.dumps(array.dtype.str)} {json.dumps(shape)}"
    if array.size <= LARGE:
        if array.dtype.kind == "c":
            return f"{head} {_attribute(np.ascontiguousarray(array).tobytes())}>"
        return f"{head} {_attribute(tuple(array.reshape(-1).tolist()))}>"
    text = f"{head} digest {json.dumps(digest(array))}"
    if array.dtype.kind in "fiu":
        real = array.astype(np.float64)
        text += f" min {real.min():.4g} max {real.max():.4g} mean {real.mean():.4g}"
    return f"{text}>"


def _ports(ports: Mapping[str, int]) -> str:
    return _attribute(tuple(ports.items()))
