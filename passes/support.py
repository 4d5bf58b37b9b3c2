"""Whether the GPU can run an operator of a model: by rewriting it alone and asking the kernels."""

from __future__ import annotations

from tflgpuc.backends.kernels.catalogue import unsupported
from tflgpuc.ir.errors import TflgpucError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass
from tflgpuc.passes.canonicalize import Canonicalize
from tflgpuc.passes.decompose import Decompose
from tflgpuc.passes.fold import Fold
from tflgpuc.passes.quantized import Quantized
from tflgpuc.passes.substitute import Substitute

# What rewrites operators before kernels are asked; the pipeline runs the same on the whole graph.
REWRITES: tuple[GraphPass, ...] = (
    Quantized(), Decompose(), Canonicalize(), Fold(), Canonicalize(), Substitute(),
)  # fmt: skip


def refusal(op: Op, target: Target) -> str | None:
    """Why the GPU can't run an operator of the model, or None where it can."""
    if isinstance(op, Opaque):
        return op.reason
    if any(v.type.dynamic for v in (*op.operands, *op.results)):
        return "it makes or reads a tensor whose shape is only known at run time"
    graph = alone(op)
    try:
        for p in REWRITES:
            graph = p.run(graph, target)
    except TflgpucError as error:
        return "; ".join(p.removeprefix(f"{op.describe()}: ") for p in error.problems)
    for made in graph.ops:
        reason = None if isinstance(made, Constant) else unsupported(made, target)
        if reason is not None:
            return reason
    return None


def alone(op: Op) -> Graph:
    """A graph of one op and the constants that it reads."""
    outer = tuple(dict.fromkeys(v for v in op.operands if v.constant is None))
    inner = {v: Value(v.type, v.name) for v in outer}
    constants = dict.fromkeys(v.op for v in op.operands if v.op and v.constant is not None)
    moved = op.with_operands(inner)
    return Graph(tuple(inner.values()), (*constants, moved), moved.results)
