"""Lays tensors out in PHWC4 on the GPU, row-major at the model's border."""

from __future__ import annotations

from dataclasses import replace

from tflgpuc.backends.kernels.catalogue import padding_lanes
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.copy import Copy
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass
from tflgpuc.passes.fuse import wrapped


class Layout(GraphPass, name="layout"):
    """Lays tensors out in slices of four channels, with copies at the inputs and outputs."""

    def run(self, graph: Graph, target: Target) -> Graph:
        new: dict[Value, Value] = {}
        ops: list[Op] = []
        uses = graph.uses()
        for value in graph.inputs:
            if uses[value] and value.type.layout == "nhwc":
                copied = _copy(value, value.type.stored("f32", "phwc4", "zero"))
                ops.append(copied)
                new[value] = copied.result
        for old in graph.ops:
            op = old.with_operands(new)
            if isinstance(op, Fused) and op.types[0].layout == "nhwc":
                op = replace(op, types=(op.types[0].stored("f32", "phwc4", padding_lanes(op)),))
            ops.append(op)
            new.update(zip(old.results, op.results, strict=True))
        outputs = []
        names = graph.output_names or tuple(v.name for v in graph.outputs)
        for value, name in zip(graph.outputs, names, strict=True):
            copied = replace(_copy(new.get(value, value), value.type), names=(name,))
            ops.append(copied)
            outputs.append(copied.result)
        return replace(graph, ops=tuple(ops), outputs=tuple(outputs))


def _copy(value: Value, type: TensorType) -> Fused:
    sources = value.op.sources if value.op else ()
    made = wrapped(Copy(input=value, sources=sources, names=(value.name,)))
    return replace(made, types=(type,))
