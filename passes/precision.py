"""Chooses the element type that tensors are stored in."""

from __future__ import annotations

from dataclasses import replace

from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.types import DType
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass


class Precision(GraphPass, name="precision"):
    """Stores tensors and weights as f32 or f16; arithmetic stays f32, inputs and outputs as they are."""

    storage: DType = "f32"

    def run(self, graph: Graph, target: Target) -> Graph:
        if self.storage == "f32":
            return graph
        new: dict[Value, Value] = {}
        ops: list[Op] = []
        for old in graph.ops:
            op = old.with_operands(new)
            if isinstance(op, Fused) and op.types[0].layout == "phwc4":
                op = replace(op, types=(replace(op.types[0], dtype=self.storage),))
            ops.append(op)
            new.update(zip(old.results, op.results, strict=True))
        return graph.with_ops(tuple(ops), new)
