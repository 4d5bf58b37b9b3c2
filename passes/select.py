"""Chooses and builds the kernel of every dispatch: from graph to schedule."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field, replace

from tflgpuc.backends.kernels.catalogue import build, definition
from tflgpuc.backends.kernels.context import Built
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.schedule import Dispatch, Role, Schedule, Tensor
from tflgpuc.ir.shader import Kernel
from tflgpuc.ir.target import Target, Tile
from tflgpuc.passes.base import Lowering


class Select(Lowering, name="select"):
    """Builds a kernel for every fused op, with the largest tile that keeps the target busy."""

    def run(self, graph: Graph, target: Target) -> Schedule:
        lowering = _Lowering(target, reserved={v.name for v in (*graph.inputs, *graph.outputs)})
        inputs = [lowering.declare(v, "input") for v in graph.inputs]
        results = {v: i for i, v in enumerate(graph.outputs)}
        for op in graph.ops:
            if not isinstance(op, Fused):
                continue
            if _is_alias(op):
                lowering.names[op.result] = lowering.names[op.inputs[0]]
                continue
            lowering.declare(op.result, "output" if op.result in results else "intermediate")
            lowering.launch(op)
        return Schedule(
            graph.name,
            lowering.tensors,
            tuple(lowering.steps),
            tuple(inputs),
            tuple(lowering.names[v] for v in graph.outputs),
        )


def _is_alias(op: Fused) -> bool:
    """Whether the op only renames memory: a reshape that leaves every vec4 where it is."""
    if not isinstance(op.root, Reshape) or len(op.computing) > 1 or not op.inputs:
        return False
    a, b = op.inputs[0].type, op.types[0]
    if a.layout != "phwc4" or b.layout != "phwc4" or a.dtype != b.dtype:
        return False
    (n, h, w, c), (m, y, x, d) = a.nhwc, b.nhwc
    return c == d and ((n == m and h * w == y * x) or c <= 4)


def choose_tile(type: TensorType, target: Target) -> Tile:
    """The largest tile that still gives the target enough invocations and wastes little."""
    n, h, w, _ = type.nhwc
    plane, slices = h * w, type.slices
    for tile in target.tiles:
        rows = -(-plane // tile.pixels) * -(-slices // tile.slices)
        waste = rows * tile.pixels * tile.slices / (plane * slices)
        if n * rows >= target.invocations and waste <= 1.25:
            return tile
    return target.tiles[-1]


@dataclass
class _Lowering:
    target: Target
    names: dict[Value, str] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    steps: list[Dispatch] = field(default_factory=list)
    kernels: dict[Kernel, Kernel] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    reserved: set[str] = field(default_factory=set)

    def declare(self, value: Value, role: Role) -> str:
        """A tensor for a value; inputs and outputs keep the model's own names."""
        wanted = value.name or f"tensor_{len(self.tensors)}"
        name = _unique(wanted, self.tensors, self.reserved if role == "intermediate" else ())
        self.names[value] = name
        self.tensors[name] = Tensor(name, value.type, role)
        return name

    def launch(self, op: Fused) -> None:
        tiled = definition(op.root)
        tile = choose_tile(op.types[0], self.target) if tiled and tiled.tiled else Tile(1, 1)
        kernels = build(op, "kernel", tile, self.target)
        for i, built in enumerate(kernels):
            self.steps.append(
                Dispatch(
                    self._named(built, op),
                    tuple(None if v is None else self.names[v] for v in built.values),
                    built.constants,
                    op.sources,
                    op.macs() if i == 0 else 0,
                    (tile.pixels, tile.slices),
                )
            )

    def _named(self, built: Built, op: Fused) -> Kernel:
        """The kernel under its own name, or the equal one that was built before."""
        if built.kernel not in self.kernels:
            _, h, w, c = op.types[0].nhwc
            root = op.root.name.split(".")[-1]
            name = _unique(f"{root}_{h}x{w}x{c}", self.taken)
            self.taken.add(name)
            self.kernels[built.kernel] = replace(built.kernel, name=name)
        return self.kernels[built.kernel]


def _unique(name: str, *taken: Container[str]) -> str:
    made, n = name, 1
    while any(made in t for t in taken):
        n += 1
        made = f"{name}_{n}"
    return made
