"""Computes at compile time what depends on constants only."""

from __future__ import annotations

from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.dequantize import Dequantize
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.graph.ops.segment import Segment
from tflgpuc.ir.graph.types import NUMPY
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass
from tflgpuc.passes.rules import prune


class Fold(GraphPass, name="fold"):
    """Replaces ops whose operands are all constants by their results."""

    max_bytes: int = 1 << 26

    def run(self, graph: Graph, target: Target) -> Graph:
        new: dict[Value, Value] = {}
        ops: list[Op] = []
        for old in graph.ops:
            op = old.with_operands(new)
            made = self._folded(op)
            for was, now in zip(old.results, op.results, strict=True):
                if was is not now:
                    new[was] = now
            if made is None:
                ops.append(op)
                continue
            for was, constant in zip(old.results, made, strict=True):
                ops.append(constant)
                new[was] = constant.result
        return prune(graph.with_ops(tuple(ops), new)) if new else graph

    def _folded(self, op: Op) -> list[Constant] | None:
        if isinstance(op, Constant | Opaque | Segment) or not op.operands or op.regions:
            return None
        arrays = {v: v.constant for v in op.operands}
        if any(a is None for a in arrays.values()):
            return None
        if not isinstance(op, Dequantize) and any(
            v.type.quantization is not None and v.type.dtype != "f32" for v in op.operands
        ):
            # References compute with numbers as they are, not with what they stand for.
            return None
        if any(v.type.bytes > self.max_bytes or v.type.dtype not in NUMPY for v in op.results):
            return None
        made = op.evaluate({v: a for v, a in arrays.items() if a is not None})
        return [
            Constant(
                data=array.astype(NUMPY[v.type.dtype], copy=False).reshape(v.type.shape),
                type=v.type,
                sources=op.sources,
                names=(v.name,) if v.name else (),
            )
            for v, array in zip(op.results, made, strict=True)
        ]
