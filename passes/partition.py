"""Decides what the GPU runs and cuts out the rest as segments for the CPU."""

from __future__ import annotations

from collections.abc import Iterator

from tflgpuc.ir.errors import UnsupportedError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Value, merged_sources
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.graph.ops.segment import Segment
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass
from tflgpuc.passes.placement import place
from tflgpuc.passes.support import refusal

# Operators whose effect outlives them.
STATEFUL = ("VARIABLE_TENSOR", "CALL_ONCE")
# Custom operators that TFLite's own runtime knows.
TFLITE_CUSTOM = frozenset(
    {
        "CUSTOM:AudioSpectrogram", "CUSTOM:Convolution2DTransposeBias", "CUSTOM:MaxPoolingWithArgmax2D",
        "CUSTOM:MaxUnpooling2D", "CUSTOM:Mfcc", "CUSTOM:NumericVerify",
        "CUSTOM:TFLite_Detection_PostProcess", "CUSTOM:aeq.hadamard_rotation",
    }
)  # fmt: skip


class Partition(GraphPass, name="partition"):
    """Makes CPU segments of the operators that the GPU can't run, and of what isn't worth the way.

    Works on the model's own operators, before anything rewrites them. Without ``cpu`` such
    operators are an error that lists them all; without ``custom`` those are that TFLite's runtime
    doesn't know either, unless the app registers them.
    """

    cpu: bool = True
    custom: bool = False

    def run(self, graph: Graph, target: Target) -> Graph:
        refused = refusals(graph, target)
        if not refused:
            return graph
        barred = {
            op: f"{reason}; TFLite doesn't know it either"
            for op, reason in refused.items()
            if not self.custom and _is_foreign(op)
        }
        if barred or not self.cpu:
            raise UnsupportedError(*_problems(refused | barred if not self.cpu else barred))
        computing = [op for op in graph.ops if not isinstance(op, Constant)]
        on_cpu = set(computing) if _whole(graph) else place(graph, set(refused), target)
        return _cut(graph, on_cpu, refused)


def refusals(graph: Graph, target: Target) -> dict[Op, str]:
    """Why the GPU can't run ops, for those it can't."""
    found: dict[Op, str] = {}
    for op in graph.ops:
        reason = None if isinstance(op, Constant) else refusal(op, target)
        if reason is not None:
            found[op] = reason
    return found


def _is_foreign(op: Op) -> bool:
    """Whether only an app could have the operator."""
    opcodes = [o.opcode for o in _nested(op) if isinstance(o, Opaque)]
    return any(c.startswith("CUSTOM:") and c not in TFLITE_CUSTOM for c in opcodes)


def _nested(op: Op) -> Iterator[Op]:
    yield op
    for region in op.regions.values():
        yield from region.walk()


def _problems(refused: dict[Op, str]) -> list[str]:
    # A variable tensor is no operator of its own.
    listed = {op.describe(): reason for op, reason in refused.items() if op.sources}
    return [f"{op}: {reason}" for op, reason in listed.items()]


def _whole(graph: Graph) -> bool:
    """Whether what the graph does can't be cut: state that LiteRT keeps lies inside one segment."""
    kept = ("resource", "variant")
    return any(
        isinstance(op, Opaque)
        and (op.opcode in STATEFUL or any(v.type.dtype in kept for v in op.results))
        for op in graph.walk()
    )


def _cut(graph: Graph, on_cpu: set[Op], refused: dict[Op, str]) -> Graph:
    """The graph with the ops of each phase joined: one segment, or as many GPU ops.

    An op's phase is how often what it reads has changed sides before it. All CPU ops of a phase
    make one segment, since none of them waits for the GPU in between.
    """
    phases = _phases(graph, on_cpu)
    last = max(phases.values(), default=0)
    by_phase: list[list[Op]] = [[] for _ in range(last + 1)]
    for op, phase in phases.items():
        by_phase[phase].append(op)
    constants = [op for op in graph.ops if isinstance(op, Constant)]
    ops: list[Op] = list(constants)
    new: dict[Value, Value] = {}
    for group in by_phase:
        for op in group:
            if op not in on_cpu:
                moved = op.with_operands(new)
                ops.append(moved)
                new.update(zip(op.results, moved.results, strict=True))
        inside = [op for op in group if op in on_cpu]
        if inside:
            ops.append(_segment(graph, inside, new, refused))
    return graph.with_ops(tuple(ops), new)


def _phases(graph: Graph, on_cpu: set[Op]) -> dict[Op, int]:
    """Each op's phase: GPU ops have even ones, CPU ops odd ones."""
    found: dict[Op, int] = {}
    for op in graph.ops:
        if isinstance(op, Constant):
            continue
        side = op in on_cpu
        phase = int(side)
        for value in op.operands:
            if value.op in found:
                before = found[value.op]
                phase = max(phase, before + (before % 2 != side))
        found[op] = phase
    return found


def _segment(
    graph: Graph, inside: list[Op], new: dict[Value, Value], refused: dict[Op, str]
) -> Segment:
    """The segment of some ops; their results that others read get new values in ``new``."""
    made = {v for op in inside for v in op.results}
    own = dict.fromkeys(v.op for op in inside for v in op.operands if isinstance(v.op, Constant))
    outer = dict.fromkeys(
        v for op in inside for v in op.operands if v not in made and v.constant is None
    )
    members = set(inside)
    read = {v for op in graph.ops if op not in members for v in op.operands} | set(graph.outputs)
    results = tuple(v for op in inside for v in op.results if v in read)
    inner = {v: Value(v.type, v.name or f"in{i}") for i, v in enumerate(outer)}
    ops: list[Op] = []
    moved: dict[Value, Value] = dict(inner)
    for old in [op for op in own if op is not None] + inside:
        op = old.with_operands(moved)
        ops.append(op)
        moved.update(zip(old.results, op.results, strict=True))
    body = Graph(
        tuple(inner.values()),
        tuple(ops),
        tuple(moved[v] for v in results),
        name="segment",
        input_names=tuple(v.name for v in inner.values()),
        output_names=tuple(v.name or f"out{i}" for i, v in enumerate(results)),
    )
    reasons = dict.fromkeys(f"{op.describe()}: {refused[op]}" for op in inside if op in refused)
    segment = Segment(
        inputs=tuple(new.get(v, v) for v in outer),
        body=body,
        types=tuple(v.type for v in results),
        reason="\n".join(reasons),
        sources=merged_sources(*inside),
        names=tuple(v.name for v in results),
    )
    new.update(zip(results, segment.results, strict=True))
    return segment
