"""Parses the text form of the graph IR."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from typing import Any, cast

import numpy as np
from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput

from tflgpuc.ir.errors import ParseError, VerifyError
from tflgpuc.ir.graph import ops  # noqa: F401  registers every op
from tflgpuc.ir.graph.graph import Graph, Module, Signature, State
from tflgpuc.ir.graph.op import OPS, Array, Op, Source, Value
from tflgpuc.ir.graph.text import print_type
from tflgpuc.ir.graph.types import DType, Lanes, Quantization, TensorType

Node = Tree[Token]


def parse_graph(text: str, constants: Mapping[str, Array] | None = None) -> Graph:
    """The graph that ``text`` spells; ``constants`` holds large arrays by digest.

    Types are inferred anew and compared with those in the text. Raises ParseError with the place.
    """
    found = _parse(text, constants or {})
    if not isinstance(found, Graph):
        raise ParseError("this is a module, not a graph")
    return found


def parse_module(text: str, constants: Mapping[str, Array] | None = None) -> Module:
    """The module that ``text`` spells, as ``parse_graph``."""
    found = _parse(text, constants or {})
    if not isinstance(found, Module):
        raise ParseError("this is a graph, not a module")
    return found


@functools.cache
def _parser() -> Lark:
    grammar = files("tflgpuc.ir.graph").joinpath("ir.lark").read_text()
    return Lark(grammar, parser="lalr", maybe_placeholders=True)


def _parse(text: str, constants: Mapping[str, Array]) -> Graph | Module:
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        line, column = error.line, error.column
        raise ParseError(f"{line}:{column}: unexpected text\n{error.get_context(text)}") from None
    reader = _Reader(text, constants)
    return reader.module(tree) if tree.data == "module" else reader.graph(tree)


def _strings(tree: Node) -> tuple[str, ...]:
    return tuple(json.loads(str(t)) for t in tree.children if t is not None)


class _Reader:
    def __init__(self, text: str, constants: Mapping[str, Array]) -> None:
        self.lines = text.splitlines()
        self.constants = constants

    def fail(self, token: Token, message: str) -> ParseError:
        """An error at a token, with its line and carets under it."""
        line, column = token.line or 1, token.column or 1
        shown = self.lines[line - 1]
        marks = " " * (column - 1) + "^" * len(token)
        return ParseError(f"{line}:{column}: {message}\n{shown}\n{marks}")

    def module(self, tree: Node) -> Module:
        name, description, *rest = tree.children
        parts = cast("list[Node]", rest)
        return Module(
            tuple(self.graph(t) for t in parts if t.data == "graph"),
            name=json.loads(str(name)),
            description=json.loads(str(description)),
            signatures=tuple(self.signature(t) for t in parts if t.data == "signature"),
            metadata={
                json.loads(str(t.children[0])): self.value(t.children[1])
                for t in parts
                if t.data == "metadata"
            },
        )

    def signature(self, tree: Node) -> Signature:
        key, graph, inputs, outputs = tree.children
        return Signature(
            json.loads(str(key)),
            int(str(graph)),
            dict(self.value(inputs)),
            dict(self.value(outputs)),
        )

    def graph(self, tree: Any) -> Graph:
        """A graph; its names are its own."""
        name, *parts = (t for t in tree.children if t is not None)
        scope: dict[str, Value] = {}
        inputs: list[Value] = []
        made: list[Op] = []
        for part in parts[:-1]:
            if part.data == "input":
                id, type, label = part.children
                value = Value(self.type(type), json.loads(str(label)) if label else "")
                scope[str(id)] = value
                inputs.append(value)
            else:
                made.append(self.op(part, scope))
        returned = [t for t in parts[-1].children if t is not None]
        facts = {t.data: t for t in returned if isinstance(t, Tree)}
        kept = facts.pop("states").children if "states" in facts else []
        named = {kind: _strings(t) for kind, t in facts.items()}
        return Graph(
            tuple(inputs),
            tuple(made),
            tuple(self.known(t, scope) for t in returned if isinstance(t, Token)),
            name=json.loads(str(name)),
            input_names=named.get("input_names", ()),
            output_names=named.get("output_names", ()),
            states=tuple(self.state(t) for t in kept),
        )

    def state(self, tree: Any) -> State:
        name, type, initial = tree.children
        return State(json.loads(str(name)), self.type(type), self.value(initial))

    def known(self, id: Token, scope: Mapping[str, Value]) -> Value:
        if str(id) not in scope:
            raise self.fail(id, f"no such value: {id}")
        return scope[str(id)]

    def op(self, tree: Node, scope: dict[str, Value]) -> Op:
        parts = [t for t in tree.children if t is not None]
        (name,) = (t for t in parts if isinstance(t, Token))
        cls = OPS.get(str(name))
        if cls is None:
            raise self.fail(name, f"no such op: {name}")
        trees = [t for t in parts if isinstance(t, Tree)]
        by_kind = {str(t.data): t for t in trees}
        operands = [self.operand(t, scope) for t in trees if t.data in ("one", "absent", "many")]
        types = [self.type(t) for t in by_kind["types"].children]
        fields: dict[str, Any] = dict(
            zip(self.fields(cls, name, len(operands)), operands, strict=True)
        )
        regions = [self.graph(t) for t in trees if t.data == "graph"]
        fields.update(
            zip((k for k, v in cls.kinds().items() if v == "region"), regions, strict=True)
        )
        if "attributes" in by_kind:
            for attribute in by_kind["attributes"].children:
                assert isinstance(attribute, Tree)
                fields[str(attribute.children[0])] = self.value(attribute.children[1])
        if any(t.quantization for t in types):
            fields["quantization"] = tuple(t.quantization for t in types)
        if "names" in by_kind:
            fields["names"] = _strings(by_kind["names"])
        if "loc" in by_kind:
            fields["sources"] = tuple(self.source(t) for t in by_kind["loc"].children)
        op = self.made(cls, fields, name)
        inferred, printed = [print_type(v.type) for v in op.results], [print_type(t) for t in types]
        if inferred != printed:
            raise self.fail(name, f"gives {', '.join(inferred)}, not {', '.join(printed)}")
        if "results" in by_kind:
            ids = by_kind["results"].children
            scope.update(zip(map(str, ids), op.results, strict=True))
        return op

    def made(self, cls: type[Op], fields: Mapping[str, Any], name: Token) -> Op:
        try:
            op = cls(**fields)
            op.verify()
            _ = op.results
        except (VerifyError, TypeError) as error:
            raise self.fail(name, str(error)) from None
        return op

    def fields(self, cls: type[Op], name: Token, count: int) -> list[str]:
        wanted = [k for k, v in cls.kinds().items() if v in ("operand", "optional", "variadic")]
        if len(wanted) != count:
            raise self.fail(name, f"{name} takes {len(wanted)} operands, not {count}")
        return wanted

    def operand(self, tree: Node, scope: Mapping[str, Value]) -> Value | tuple[Value, ...] | None:
        found = tuple(self.known(t, scope) for t in tree.children if isinstance(t, Token))
        if tree.data == "many":
            return found
        return found[0] if found else None

    def source(self, tree: Any) -> Source:
        subgraph, operator, opcode, *outputs, version = tree.children
        return Source(
            int(subgraph),
            int(operator),
            json.loads(str(opcode)),
            tuple(json.loads(str(t)) for t in outputs if t is not None),
            1 if version is None else int(version),
        )

    def type(self, tree: Any) -> TensorType:
        token, *facts = tree.children
        text, _, memory = str(token).partition("@phwc4")
        *shape, dtype = text.split("x")
        made = TensorType(
            cast("DType", dtype),
            tuple(map(int, shape)),
            "phwc4" if memory else "nhwc",
            cast("Lanes", memory.strip("()")) if memory else "any",
        )
        for fact in facts:
            if fact.data == "quantization":
                made = replace(made, quantization=self.value(fact))
            elif fact.data == "dynamic":
                made = replace(made, dynamic=True)
            else:
                made = replace(made, signature=self.value(fact.children[0]))
        return made

    def value(self, tree: Any) -> Any:
        """An attribute's value."""
        parts = tree.children
        match str(tree.data):
            case "none":
                return None
            case "true" | "false":
                return tree.data == "true"
            case "int":
                return int(parts[0])
            case "float":
                return float(parts[0])
            case "string":
                return json.loads(str(parts[0]))
            case "hex":
                return bytes.fromhex(json.loads(str(parts[0])))
            case "items":
                return tuple(self.value(t) for t in parts if t is not None)
            case "type":
                return self.type(tree)
            case "quantization":
                scale, zero_point, axis = parts
                return Quantization(self.value(scale), self.value(zero_point), int(axis))
            case "dense":
                return self.dense(*parts)
            case _:
                return self.large(parts[0], parts[2])

    def dense(self, dtype: Token, shape: Token, data: Any) -> Array:
        kind, extents = np.dtype(json.loads(str(dtype))), _extents(shape)
        values = self.value(data)
        if isinstance(values, bytes):
            return np.frombuffer(values, kind).reshape(extents)
        return np.array(values, kind).reshape(extents)

    def large(self, dtype: Token, name: Token) -> Array:
        found = self.constants.get(json.loads(str(name)))
        if found is None:
            raise self.fail(name, "the data of this constant wasn't given")
        return found


def _extents(shape: Token) -> tuple[int, ...]:
    text = json.loads(str(shape))
    return () if text == "scalar" else tuple(map(int, text.split("x")))
