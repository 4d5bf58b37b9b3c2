"""Which TFLite operators run where, found out by asking: ``python -m tflgpuc.coverage``.

Everything is derived: operators from the schema, kernels and rewrites from their registries, and what
runs on the GPU from sending the samples of each op, as .tflite files, through the graph passes.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from dataclasses import replace
from types import FunctionType
from typing import Any, Literal, get_args

import numpy as np
import tflite

from tflgpuc.backends.kernels.catalogue import KERNELS, KernelDef
from tflgpuc.backends.tflite.writer import write
from tflgpuc.frontend import import_model
from tflgpuc.ir.errors import TflgpucError, UnsupportedError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import TFLITE_OPS, Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.graph.ops.segment import Segment
from tflgpuc.ir.graph.types import NUMPY, DType, Quantization, TensorType
from tflgpuc.passes.base import GraphPass
from tflgpuc.passes.pipeline import parse_pipeline
from tflgpuc.passes.rules import Rules
from tflgpuc.targets import load_target

Where = Literal["GPU", "compile time", "CPU", "no"]
# Codes of the schema that aren't operators.
NO_OPERATORS = ("CUSTOM", "DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES")
TRIED: tuple[DType, ...] = ("f32", "i32", "i64", "bool", "i8", "u8", "i16")
QUANTISED: tuple[DType, ...] = ("i8", "u8", "i16")
# What a sample may raise that has a type which its op doesn't know.
MISFITS = (TflgpucError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
HEADER = """# Operators

Made by `python -m tflgpuc.coverage`; don't edit. One row for every builtin operator of TFLite's
schema and each known custom one. Kernels are printed to GLSL and to Metal alike, so what runs on
the GPU does so in both languages.

- **runs on**: where the op's own samples end up after the graph passes: the GPU, nowhere since they
  are computed at compile time, a CPU segment, or `no`, which is refused.
- **computed by**: the module of `backends/kernels` whose kernel does it, `elementwise` (fused into
  others), or the rewrite that spells it as other operators.
- **element types**: of its data, those with which all its samples run on the GPU; `(q)` ones are
  quantised. TFLite's own kernels may know fewer.
- **conditions**: what the kernel asks of an operator. Operators that it can't take run on the CPU.
- **samples**: how many small graphs the generic tests try it with: its reference against LiteRT
  (`tests/ir/graph/test_reference_vs_litert.py`), its kernel against the reference
  (`tests/backends/test_kernels.py`).
"""
COLUMNS = ("operator", "runs on", "computed by", "element types", "conditions", "samples")


def operators() -> list[str]:
    """The builtin operators of the schema in its order, then the custom ones that ops declare."""
    codes = {k: v for k, v in vars(tflite.BuiltinOperator).items() if isinstance(v, int)}
    builtin = sorted((k for k in codes if k not in NO_OPERATORS), key=lambda name: codes[name])
    return [*builtin, *sorted(name for name in TFLITE_OPS if name.startswith("CUSTOM:"))]


def row(opcode: str) -> tuple[str, ...]:
    """The cells of one operator."""
    cls = TFLITE_OPS.get(opcode)
    label = opcode.replace("CUSTOM:", "custom ")
    if cls is None:
        x = Value(TensorType("f32", (1, 4)), "x")
        unknown = Opaque(inputs=(x,), opcode=opcode, types=(x.type,), reason="unknown")
        return label, where(unknown), "", "", "", ""
    samples = list(cls.samples())
    places = [where(sample) for sample in samples]
    shown = " or ".join(p for p in get_args(Where) if p in places) or "no"
    types = ", ".join(element_types(samples)) if "GPU" in places else ""
    computed, conditions = (computed_by(cls), conditions_of(cls)) if "GPU" in places else ("", "")
    return label, shown, computed, types, conditions, str(len(samples))


# --- where samples run ---


def where(op: Op) -> Where:
    """Where a model of this op alone runs."""
    target = load_target("generic-gles31")
    try:
        graph = _graph_of(op)
        # An operator that nothing declares has no options here, which a file may need.
        graph = graph if isinstance(op, Opaque) else _imported(graph)
        if all(isinstance(made, Constant) for made in graph.ops):
            return "compile time"
        for p in parse_pipeline("optimize"):
            assert isinstance(p, GraphPass)
            graph = p.run(graph, target)
    except TflgpucError:
        return "no"
    return "CPU" if any(isinstance(made, Segment) for made in graph.ops) else "GPU"


def _imported(graph: Graph) -> Graph:
    """The graph as it comes back from a file; itself where it holds what only passes make."""
    try:
        file = write(graph)
    except UnsupportedError:
        return graph
    return import_model(file).main


def _graph_of(op: Op) -> Graph:
    ops = tuple(dict.fromkeys([*_defining(op.operands), op]))
    inputs = dict.fromkeys(v for o in ops for v in o.operands if v.op is None)
    return Graph(tuple(inputs), ops, op.results)


def _defining(values: tuple[Value, ...]) -> Iterator[Op]:
    for value in values:
        if value.op is not None:
            yield from _defining(value.op.operands)
            yield value.op


def element_types(samples: list[Op]) -> list[str]:
    """The types of data with which all samples run on the GPU that run there at all."""
    able = [sample for sample in samples if where(sample) == "GPU"]
    plain = [dtype for dtype in TRIED if _run(able, dtype, None)]
    quantised = [
        f"{dtype} (q)"
        for dtype in QUANTISED
        if _run(able, dtype, Quantization((0.05,), (0 if dtype == "i16" else 3,)))
    ]
    return [*plain, *quantised]


def _run(samples: list[Op], dtype: DType, scale: Quantization | None) -> bool:
    try:
        made = [_retyped(sample, dtype, scale) for sample in samples]
        there = [op for op in made if op is not None]
        for op in there:
            op.verify()
        return bool(there) and all(where(op) == "GPU" for op in there)
    except MISFITS:
        return False


def _retyped(sample: Op, dtype: DType, scale: Quantization | None) -> Op | None:
    """The sample with data of another type; None where its data isn't of the type to change.

    Data is what is f32 in the sample. Where nothing is, the sample only stands for its own type.
    """
    floats = [v for v in sample.operands if v.type.dtype == "f32"]
    if not floats:
        type = (sample.operands or sample.results)[0].type
        same = type.dtype == dtype and (type.quantization is None) == (scale is None)
        return sample if same else None
    if dtype == "f32":
        return sample
    biases = {v for v in [getattr(sample, "bias", None)] if isinstance(v, Value)}
    new = {
        v: _value(v, "i32" if scale and v in biases else dtype, scale)
        for v in dict.fromkeys(floats)
    }
    made = sample.with_operands(new)
    if scale is None:
        return made
    return replace(made, quantization=(scale,) * len(sample.results))


def _value(value: Value, dtype: DType, scale: Quantization | None) -> Value:
    type = replace(value.type, dtype=dtype, quantization=scale)
    if value.constant is None:
        return replace(value, type=type)
    # Steps that are ones or more: weights that all round to 0 would be folded away.
    data = np.clip(np.round(value.constant * 10), -100, 100)
    data = (np.abs(data) if dtype.startswith("u") else data).astype(NUMPY[dtype])
    return Constant(data=data, type=type, names=(value.name,)).result


# --- how they are computed ---


def computed_by(cls: type[Op]) -> str:
    """The kernel's module, or the rewrite's first sentence."""
    found = definition_of(cls)
    if found is not None:
        return _module(found.build)
    rules = [rule for kind, rule in _rules() if kind is cls]
    return "; ".join(first_sentence(rule) for rule in rules) or "folded"


def definition_of(cls: type[Op]) -> KernelDef | None:
    """The kernel of a class of ops, the generic one of elementwise ops included."""
    return KERNELS.get(cls) or (KERNELS.get(Op) if cls.elementwise else None)


def _module(build: Any) -> str:
    # A kernel made of a function of one element is registered from elsewhere.
    made_of = inspect.getclosurevars(build).nonlocals.get("compute", build)
    return str(made_of.__module__.rpartition(".")[2])


def _rules() -> Iterator[tuple[type[Op], Any]]:
    # The pipelines' module has imported all passes.
    loaded = [m for name, m in sorted(sys.modules.items()) if name.startswith("tflgpuc.passes.")]
    own = {id(v): v for m in loaded for v in vars(m).values() if isinstance(v, Rules)}
    for rules in own.values():
        yield from rules.rules


def conditions_of(cls: type[Op]) -> str:
    """What the kernel's predicate says of itself; empty where it takes everything."""
    found = definition_of(cls)
    if found is None or not isinstance(found.requires, FunctionType):
        return ""
    return "" if found.requires.__name__ == "<lambda>" else first_sentence(found.requires)


def first_sentence(thing: Any) -> str:
    """The first sentence of what documents a thing, on one line."""
    text = " ".join((inspect.getdoc(thing) or "").split())
    return text.split(". ")[0].rstrip(".")


def document() -> str:
    """The whole page as Markdown."""
    rows = [row(opcode) for opcode in operators()]
    lines = [HEADER]
    gpu = sum(r[1].startswith("GPU") for r in rows)
    cpu = sum(r[1].startswith("CPU") for r in rows)
    lines.append(f"Of {len(rows)} operators {gpu} run on the GPU and {cpu} only on the CPU.\n")
    lines += [f"| {' | '.join(cells)} |" for cells in (COLUMNS, ("---",) * len(COLUMNS))]
    lines += [f"| {' | '.join(c.replace('|', chr(92) + '|') for c in cells)} |" for cells in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(document(), end="")
