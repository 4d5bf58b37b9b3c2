"""Removes ops that no output needs."""

from __future__ import annotations

from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass
from tflgpuc.passes.rules import prune


class DeadOps(GraphPass, name="dead-ops"):
    """Removes ops that no output needs."""

    def run(self, graph: Graph, target: Target) -> Graph:
        return prune(graph)
