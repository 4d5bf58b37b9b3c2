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
        for op in graph.ops:
            if isinstance(op, Constant | Fused):
                continue
            reason = unsupported(op)
            if reason is not None:
                problems.append(f"{op.describe()}: {reason}")
        if problems:
            raise UnsupportedError(*problems)
        return graph
