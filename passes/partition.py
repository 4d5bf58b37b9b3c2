"""Refuses, all at once, what can't be compiled."""

from __future__ import annotations

from tflgpuc.backends.kernels.catalogue import unsupported
from tflgpuc.ir.errors import UnsupportedError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass


class Partition(GraphPass, name="partition"):
    """Lists every op that no kernel computes, with the reason, as one error."""

    def run(self, graph: Graph, target: Target) -> Graph:
        problems = [
            f"input {v.name!r} is {v.type}, which is not a float tensor of up to four axes"
            for v in graph.inputs
            if v.type.dtype != "f32" or v.type.rank > 4 or v.type.size == 0
        ]
        problems += [
            f"output {v.name!r} is {v.type}, which is not a float tensor of up to four axes"
            for v in graph.outputs
            if v.type.dtype != "f32" or v.type.rank > 4
        ]
        refused: dict[str, str] = {}
        for op in graph.ops:
            reason = None if isinstance(op, Constant | Fused) else unsupported(op)
            if reason is not None:
                # Several ops may stand for one operator, which is named once.
                refused.setdefault(op.describe(), reason)
        problems += [f"{op}: {reason}" for op, reason in refused.items()]
        if problems:
            raise UnsupportedError(*problems)
        return graph
