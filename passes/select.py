"""Chooses and builds the kernel of every dispatch: from graph to schedule."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field, replace

from tflgpuc.backends.kernels.catalogue import Tiled
from tflgpuc.backends.paging import spooled
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.graph.ops.copy import Copy
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.ops.segment import Segment
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.schedule import CpuStep, Dispatch, Role, Schedule, StateTensor, Step, Tensor
from tflgpuc.ir.shader import Kernel
from tflgpuc.ir.shader.twins import merge_buffers
from tflgpuc.ir.target import Target, Tile
from tflgpuc.passes.base import Lowering, untold
from tflgpuc.passes.choice import choose
from tflgpuc.passes.rules import Tracer


class Select(Lowering, name="select"):
    """Builds a kernel for every fused op, in the variant with the lowest estimated cost."""

    tracer: Tracer | None = untold()

    def run(self, graph: Graph, target: Target) -> Schedule:
        results, kept = split_states(graph)
        lowering = _Lowering(
            target,
            self.tracer or Tracer(),
            reserved={v.name for v in (*graph.inputs, *graph.outputs)},
            results=set(results),
            hosted={v for op in graph.ops if isinstance(op, Segment) for v in op.inputs},
        )
        count = len(graph.inputs) - len(graph.states)
        inputs = [lowering.declare(v, "input") for v in graph.inputs[:count]]
        states = [
            lowering.declare(v, "state", s.name)
            for s, v in zip(graph.states, graph.inputs[count:], strict=True)
        ]
        # A copy at the end goes to the state's own memory: all that read the old value ran before.
        becomes = {v: t for v, t in zip(kept, states, strict=True) if _made_by_copy(v)}
        for op in graph.ops:
            match op:
                case Segment():
                    lowering.segment(op)
                case Fused() if _is_alias(op):
                    lowering.names[op.result] = lowering.names[op.inputs[0]]
                case Fused() if op.result in becomes:
                    lowering.names[op.result] = becomes[op.result]
                    lowering.launch(op)
                case Fused():
                    lowering.declare(op.result, lowering.role(op.result))
                    lowering.launch(op)
        return Schedule(
            graph.name,
            lowering.tensors,
            tuple(lowering.steps),
            tuple(inputs),
            lowering.outputs(graph.output_names or tuple(v.name for v in results), results),
            tuple(
                StateTensor(s.name, tensor, lowering.names[v], s.initial)
                for s, tensor, v in zip(graph.states, states, kept, strict=True)
            ),
        )


def split_states(graph: Graph) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    """The graph's outputs, and its states' new values."""
    count = len(graph.outputs) - len(graph.states)
    return graph.outputs[:count], graph.outputs[count:]


def _made_by_copy(value: Value) -> bool:
    return isinstance(value.op, Fused) and isinstance(value.op.root, Copy)


def _is_alias(op: Fused) -> bool:
    """Whether the op only renames memory: a reshape that leaves every vec4 where it is."""
    if not isinstance(op.root, Reshape) or len(op.computing) > 1 or not op.inputs:
        return False
    a, b = op.inputs[0].type, op.types[0]
    return a.layout == b.layout == "phwc4" and a.dtype == b.dtype and same_vec4s(a, b)


def same_vec4s(a: TensorType, b: TensorType) -> bool:
    """Whether tensors in row-major order have the same vec4s in the same order on the GPU, too."""
    if max(a.rank, b.rank) > 4:
        return False
    (n, h, w, c), (m, y, x, d) = a.nhwc, b.nhwc
    return c == d and ((n == m and h * w == y * x) or c <= 4)


def choose_tile(type: TensorType, target: Target, tiled: Tiled = "slices") -> Tile:
    """The largest tile that still gives the target enough invocations and wastes little."""
    n, h, w, _ = type.nhwc
    tiles = target.depthwise_tiles if tiled == "pixels" else target.tiles
    for tile in tiles:
        if tiled == "slices":
            across, down, deep = -(-h * w // tile.pixels), 1, -(-type.slices // tile.slices)
        else:
            across, down, deep = -(-w // tile.pixels), -(-h // tile.rows), type.slices
        count = across * down * deep
        waste = count * tile.pixels * tile.rows * tile.slices / (h * w * type.slices)
        if n * count >= target.invocations and waste <= 1.25:
            return tile
    return tiles[-1]


@dataclass
class _Lowering:
    target: Target
    tracer: Tracer
    reserved: set[str]
    results: set[Value]
    hosted: set[Value]
    names: dict[Value, str] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    kernels: dict[Kernel, Kernel] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def role(self, value: Value) -> Role:
        """What an op's result is to the schedule."""
        if value in self.results:
            return "output"
        return "host" if value in self.hosted or isinstance(value.op, Segment) else "intermediate"

    def outputs(self, names: tuple[str, ...], values: tuple[Value, ...]) -> dict[str, str]:
        """The tensors of the results, under names of which none is another's."""
        made: dict[str, str] = {}
        for name, value in zip(names, values, strict=True):
            made[_unique(name or "output", made)] = self.names[value]
        return made

    def segment(self, op: Segment) -> None:
        """A step for the CPU."""
        for value in op.results:
            self.declare(value, self.role(value))
        inputs = tuple(self.names[v] for v in op.inputs)
        outputs = tuple(self.names[v] for v in op.results)
        self.steps.append(CpuStep(op.body, inputs, outputs, op.sources, op.macs(), op.reason))

    def declare(self, value: Value, role: Role, name: str = "") -> str:
        """A tensor for a value; inputs and outputs keep the model's own names."""
        wanted = name or value.name or f"tensor_{len(self.tensors)}"
        name = _unique(wanted, self.tensors, self.reserved if role == "intermediate" else ())
        self.names[value] = name
        self.tensors[name] = Tensor(name, value.type, role)
        return name

    def launch(self, op: Fused) -> None:
        self.tracer.considered.append(("select", op))
        choice = choose(op, self.target)
        tile = choice.tile
        for i, built in enumerate(choice.kernels):
            tensors = [None if v is None else self.names[v] for v in built.values]
            # A tensor and its reshape may be one in memory: no range is bound twice in a launch.
            kernel, kept = merge_buffers(built.kernel, tensors)
            self.steps.append(
                Dispatch(
                    self._named(kernel, op),
                    tuple(tensors[at] for at in kept),
                    None if built.constants is None else spooled(built.constants),
                    op.sources,
                    op.macs() if i == 0 else 0,
                    (tile.pixels, tile.slices),
                    op.root.name,
                    candidates=choice.considered(i),
                )
            )

    def _named(self, built: Kernel, op: Fused) -> Kernel:
        """The kernel under its own name, or the equal one that was built before."""
        if built not in self.kernels:
            type = op.types[0]
            shape = type.nhwc[1:] if type.rank <= 4 else type.shape
            root = op.root.name.split(".")[-1]
            name = _unique(f"{root}_{'x'.join(map(str, shape))}", self.taken)
            self.taken.add(name)
            self.kernels[built] = replace(built, name=name)
        return self.kernels[built]


def _unique(name: str, *taken: Container[str]) -> str:
    made, n = name, 1
    while any(made in t for t in taken):
        n += 1
        made = f"{name}_{n}"
    return made
