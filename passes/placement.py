"""Which ops go with the ones that only the CPU can run: the cheapest cut between the two sides."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, TypeAlias

from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.target import Costs, Target

if TYPE_CHECKING:
    import networkx as nx

GPU, CPU = "gpu", "cpu"
# An op, a side, or a value that goes to one.
Node: TypeAlias = Op | str | tuple[str, Value]


def place(graph: Graph, forced: Set[Op], target: Target) -> set[Op]:
    """The ops for the CPU: ``forced``, and those whose stay on the GPU costs more than it saves.

    The cost of a placement is what every op takes on its side and, for each tensor that changes
    sides, the wait and the copy; inputs and outputs are on the CPU's side. Its minimum is a minimum
    cut (Stone, Multiprocessor Scheduling with the Aid of Network Flow Algorithms, 1977).
    """
    # Most models lie on the GPU as a whole, and needn't wait for this import.
    import networkx as nx

    network: nx.DiGraph[Node] = nx.DiGraph()
    ops = [op for op in graph.ops if not isinstance(op, Constant)]
    for op in ops:
        if op.states and op not in forced:
            # What it keeps from run to run is the GPU's.
            network.add_edge(GPU, op)
        else:
            network.add_edge(GPU, op, capacity=_cpu_seconds(op, target.costs))
        if op not in forced:
            network.add_edge(op, CPU, capacity=_gpu_seconds(op, target.costs))
        else:
            network.add_edge(op, CPU)
    readers: dict[Value, list[Op]] = {}
    for op in ops:
        for value in op.operands:
            if value.constant is None:
                readers.setdefault(value, []).append(op)
    for value, users in readers.items():
        _add_value(network, value, users, value in graph.outputs, target)
    _, (_, on_cpu) = nx.minimum_cut(network, GPU, CPU)
    return {op for op in ops if op in on_cpu}


def _add_value(
    network: nx.DiGraph[Node], value: Value, users: list[Op], output: bool, target: Target
) -> None:
    """One price for moving a value, however many ops read it on the other side."""
    moved = target.costs.wait + value.type.bytes / target.costs.copy_rate
    # An edge without a capacity can't be cut: who reads a moved value pays through its copy.
    down, up = ("down", value), ("up", value)
    maker: Op | str = CPU if value.op is None else value.op
    network.add_edge(maker, down, capacity=moved)
    network.add_edge(up, maker, capacity=moved)
    for user in users:
        network.add_edge(down, user)
        network.add_edge(user, up)
    if output:
        network.add_edge(down, CPU)


def _gpu_seconds(op: Op, costs: Costs) -> float:
    return costs.launch + op.macs() / costs.gpu_macs + _moved(op) / costs.gpu_bytes


def _cpu_seconds(op: Op, costs: Costs) -> float:
    return op.macs() / costs.cpu_macs + _moved(op) / costs.cpu_bytes


def _moved(op: Op) -> int:
    """Bytes that an op reads and writes, constants not counted."""
    return sum(v.type.bytes for v in (*op.operands, *op.results) if v.constant is None)
