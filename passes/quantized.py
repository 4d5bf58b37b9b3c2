"""Spells quantised ops as float ops that round where TFLite's integer kernels do."""

from __future__ import annotations

from tflgpuc.ir.errors import VerifyError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Value, provenance
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.target import Target
from tflgpuc.passes import (
    quantized_arithmetic,
    quantized_movement,
    quantized_products,
    quantized_reductions,
)
from tflgpuc.passes.base import GraphPass
from tflgpuc.passes.quantized_forms import Forms, is_quantised
from tflgpuc.passes.quantized_rules import RuleBook
from tflgpuc.passes.rules import missing_ops

RULES = RuleBook(
    quantized_arithmetic.rules
    | quantized_movement.rules
    | quantized_products.rules
    | quantized_reductions.rules
)


class Quantized(GraphPass, name="quantized"):
    """Computes with the real numbers that quantised tensors stand for, rounded as TFLite rounds.

    An op that no rule knows keeps its integers, and so do the graph's inputs and outputs: there
    ``tfl.quantize`` and ``tfl.dequantize`` convert.
    """

    def run(self, graph: Graph, target: Target) -> Graph:
        if not any(_touches_integers(op) for op in graph.ops):
            return graph
        forms = Forms()
        placed = set(graph.inputs)
        ops: list[Op] = []
        for op in graph.ops:
            if isinstance(op, Constant):
                # It follows where something reads it.
                continue
            with provenance(op.sources):
                made = _rewritten(op, forms)
                if made is not None:
                    forms.define(op.results, made)
                    ops.extend(missing_ops(made, placed))
                    continue
                kept = op.with_operands({v: forms.raw(v) for v in op.operands})
                forms.define(op.results, kept.results)
                ops.extend(missing_ops(kept.operands, placed))
            ops.append(kept)
            placed.update(kept.results)
        new = {v: forms.raw(v) for v in graph.outputs}
        ops.extend(missing_ops(new.values(), placed))
        return graph.with_ops(tuple(ops), new)


def _touches_integers(op: Op) -> bool:
    return any(is_quantised(v.type) for v in (*op.operands, *op.results))


def _rewritten(op: Op, forms: Forms) -> tuple[Value, ...] | None:
    """What computes the op's results in real numbers; None where the op has to stay."""
    rule = RULES.get(op.name)
    if rule is None or not _touches_integers(op):
        return None
    try:
        return rule(op, forms)
    except VerifyError:
        # Real numbers don't suit it, such as one that needs a constant.
        return None
