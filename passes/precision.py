"""Chooses the element type that tensors are stored in."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace

import numpy as np

from tflgpuc.backends.kernels.constants import HALF_MAX, stores_half_constants
from tflgpuc.ir.errors import UsageError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.copy import Copy
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.ops.logistic import Logistic
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.ops.segment import Segment
from tflgpuc.ir.graph.ops.softmax import Softmax
from tflgpuc.ir.graph.ops.tanh import Tanh
from tflgpuc.ir.graph.types import NUMPY, TensorType
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass, untold
from tflgpuc.passes.ranges import UNKNOWN, Interval, bounds

# What calibration saw may be exceeded so many times before a half overflows.
MARGIN = 8.0


@dataclass(frozen=True)
class Decision:
    """How a tensor is stored and why; ``proved`` bounds it, ``seen`` is the greatest in calibration."""

    name: str
    op: str
    proved: Interval
    seen: float | None
    storage: str
    why: str


class Precision(GraphPass, name="precision"):
    """Stores tensors and weights as f32, f16 or, with auto, each as its range and the error allow.

    Arithmetic stays f32, inputs and outputs as they are.

    With f16 the graph is evaluated on seeded inputs, noise and smooth ones, with every store rounded.
    Where an output is then off by more than ``bound`` (times the largest of 1 and its range), or
    anything overflows, the ops that it depends on stay f32 from the first on, as many as it takes:
    what is rounded early is amplified by all that follows. Other inputs were seen to be up to three
    times worse than these, so the bound is a third of what is promised. One of 0 takes f16 unseen.

    With auto the inputs of ``calibration`` are judged, too, and only what can't overflow is a half: what
    interval arithmetic bounds (8-bit inputs are bounded, others by MARGIN times what calibration has),
    or what is MARGIN times as large as calibration saw it at most. Without calibration only proofs count.
    """

    storage: str = "f32"
    bound: float = 3e-3
    calibration: tuple[Mapping[str, Array], ...] = untold(())
    decisions: list[Decision] | None = untold()

    def run(self, graph: Graph, target: Target) -> Graph:
        if self.storage == "f32":
            return graph
        halves: Set[Op] = {
            op for op in graph.ops if isinstance(op, Fused) and op.types[0].dtype == "f32"
        }
        samples = [_sample(graph, given) for given in self.calibration]
        safe: Set[Op] = halves
        reasons: Reasons = {}
        if self.storage == "auto":
            safe, reasons = _safe(graph, halves, samples)
        kept = safe
        if self.bound > 0:
            kept = _accurate(_without_segments(graph), safe, self.bound, samples)
        if self.decisions is not None:
            self.decisions.extend(
                _decision(op, reasons, op in safe, op in kept) for op in graph.ops if op in halves
            )
        return _stored(graph, kept)


Reasons = dict[Op, tuple[Interval, "float | None"]]


def _sample(graph: Graph, given: Mapping[str, Array]) -> dict[Value, Array]:
    """A calibration input by the graph's own values; UsageError where a name is missing."""
    names = graph.input_names or tuple(v.name for v in graph.inputs)
    found = {}
    for name, value in zip(names, graph.inputs, strict=False):
        if name not in given:
            raise UsageError(f"calibration lacks the input {name!r}")
        found[value] = np.asarray(given[name], NUMPY[value.type.dtype]).reshape(value.type.shape)
    return found


def _safe(
    graph: Graph, halves: Set[Op], samples: list[dict[Value, Array]]
) -> tuple[Set[Op], Reasons]:
    """The ops whose results can't overflow a half, and what is known of each."""
    given: dict[Value, Interval] = {}
    for value in graph.inputs:
        if value.type.dtype in ("u8", "i8", "bool"):
            given[value] = (-128.0, 255.0)
        elif samples and all(value in s for s in samples):
            most = MARGIN * max(float(np.abs(s[value]).max(initial=0.0)) for s in samples)
            given[value] = (-most, most)
    proved = bounds(graph, given)
    seen: dict[Value, float] = {}
    for sample in samples:
        arrays = dict(sample)
        for value in graph.inputs:
            arrays.setdefault(value, np.zeros(value.type.shape, NUMPY[value.type.dtype]))
        for op in graph.ops:
            if isinstance(op, Segment):
                arrays |= {v: np.zeros(v.type.shape, np.float32) for v in op.results}
                continue
            (made,) = op.evaluate(arrays)
            arrays[op.results[0]] = made
            if op in halves:
                largest = float(np.abs(made).max(initial=0.0))
                seen[op.results[0]] = max(seen.get(op.results[0], 0.0), largest)
    reasons = {op: (proved[op.results[0]], seen.get(op.results[0])) for op in halves}
    safe = {op for op, (range_, most) in reasons.items() if _fits(range_, most)}
    return safe, reasons


def _fits(proved: Interval, seen: float | None) -> bool:
    """Whether halves hold it; written so that NaN doesn't fit."""
    if max(abs(proved[0]), abs(proved[1])) <= HALF_MAX / ROUNDING:
        return True
    return seen is not None and seen * MARGIN <= HALF_MAX


# Values that were rounded before are a little larger than their bounds.
ROUNDING = 1.01


def _decision(op: Op, reasons: Reasons, safe: bool, kept: bool) -> Decision:
    proved, seen = reasons.get(op, (UNKNOWN, None))
    by = "bounded" if _fits(proved, None) else "within the margin of what was seen"
    why = by if kept else "the error would be too large" if safe else "it might overflow"
    return Decision(op.results[0].name, op.describe(), proved, seen, "f16" if kept else "f32", why)


def _stored(graph: Graph, halves: Set[Op]) -> Graph:
    """The graph with the results of some ops as halves."""
    new: dict[Value, Value] = {}
    ops: list[Op] = []
    for old in graph.ops:
        op = old.with_operands(new)
        if old in halves and isinstance(op, Fused):
            op = replace(op, types=(_narrowed(op.types[0]),), half_weights=True)
        ops.append(op)
        new.update(zip(old.results, op.results, strict=True))
    return graph.with_ops(tuple(ops), new)


def _narrowed(type: TensorType) -> TensorType:
    """The type as halves; what is row-major is the model's, or read by elements, and stays."""
    return replace(type, dtype="f16") if type.layout == "phwc4" else type


def _without_segments(graph: Graph) -> Graph:
    """The graph with what CPU segments make as inputs, and what they read as outputs."""
    segments = [op for op in graph.ops if isinstance(op, Segment)]
    if not segments:
        return graph
    made = tuple(v for op in segments for v in op.results)
    read = tuple(v for op in segments for v in op.inputs)
    given = {*graph.inputs, *made}
    return Graph(
        (*graph.inputs, *made),
        tuple(op for op in graph.ops if not isinstance(op, Segment)),
        tuple(v for v in dict.fromkeys((*graph.outputs, *read)) if v not in given),
    )


def _accurate(
    graph: Graph, halves: Set[Op], bound: float, samples: list[dict[Value, Array]]
) -> Set[Op]:
    """As many of ``halves`` as keep every output within the bound, on ``samples`` and seeded inputs."""
    rng = np.random.default_rng(0)
    drawn = [[draw(rng, v) for v in graph.inputs] for draw in (_noise, _smooth)]
    drawn += [[s[v] if v in s else _noise(rng, v) for v in graph.inputs] for s in samples]
    trial = _Trial(graph, drawn)
    kept = set(halves)
    for output in trial.failing(kept, bound):
        cone = [op for op in _cone(graph, output) if op in kept]
        # The shortest prefix of the cone that, kept in f32, saves the output: by bisection.
        low, high = 0, len(cone)
        while low < high:
            middle = (low + high) // 2
            if output in trial.failing(kept - set(cone[:middle]), bound):
                low = middle + 1
            else:
                high = middle
        kept -= set(cone[:low])
    return kept


def _cone(graph: Graph, output: int) -> list[Op]:
    """The ops that an output depends on, in order."""
    needed = {graph.outputs[output]}
    found: list[Op] = []
    for op in reversed(graph.ops):
        if not needed.isdisjoint(op.results):
            found.append(op)
            needed.update(op.operands)
    return found[::-1]


def _noise(rng: np.random.Generator, value: Value) -> Array:
    dtype = NUMPY[value.type.dtype]
    if dtype.kind == "f":
        return rng.uniform(-1, 1, value.type.shape).astype(dtype)
    # 0 and 1 are valid as indices, counts and truth values.
    return rng.integers(0, 2, value.type.shape).astype(dtype)


def _smooth(rng: np.random.Generator, value: Value) -> Array:
    """A few waves of low frequency over height and width, as in a picture; noise where there are none."""
    if value.type.dtype != "f32" or value.type.rank > 4 or min(value.type.nhwc[1:3]) < 8:
        return _noise(rng, value)
    n, h, w, c = value.type.nhwc
    made = np.zeros((n, h, w, c))
    rows, columns = np.linspace(0, 1, h)[:, None, None], np.linspace(0, 1, w)[:, None]
    for i in range(6):
        down, across, phase = rng.uniform(-6, 6, (3, c))
        made += np.cos(2 * np.pi * (rows * down + columns * across) + phase) / (i + 1)
    return np.clip(made / 1.5, -1, 1).reshape(value.type.shape).astype(NUMPY[value.type.dtype])


# How much a unit of error in front of an op can become behind it, where the op flattens most inputs
# so much that samples don't show it.
WORSE = 3.0
STEEPEST: dict[type[Op], float] = {Logistic: 0.25, Softmax: 0.25, Tanh: 1.0}


def _unsaturated(graph: Graph, output: int) -> tuple[Value, float] | None:
    """What goes into the op that flattens an output, and its steepest slope; None for other outputs."""
    op = graph.outputs[output].op
    while isinstance(op, Fused) and isinstance(op.computing[-1], Copy | Reshape) and op.inputs:
        op = op.inputs[0].op
    if not isinstance(op, Fused) or type(op.computing[-1]) not in STEEPEST:
        return None
    last = op.computing[-1]
    body = replace(op.body, ops=op.body.ops[: op.body.ops.index(last)], outputs=last.operands[:1])
    before = Fused(inputs=op.inputs, body=body, types=(last.operands[0].type,))
    return before.result, STEEPEST[type(last)]


class _Trial:
    """Evaluates a graph on some inputs with some results rounded to halves.

    Outputs that a sigmoid or the like makes are judged by what goes into it, too.
    """

    def __init__(self, graph: Graph, samples: list[list[Array]]) -> None:
        probes = {i: p for i in range(len(graph.outputs)) if (p := _unsaturated(graph, i))}
        self.slopes = [1.0] * len(graph.outputs) + [slope for _, slope in probes.values()]
        self.judged = [*range(len(graph.outputs)), *probes]
        extra = tuple(value for value, _ in probes.values())
        self.graph = replace(
            graph,
            ops=(*graph.ops, *(v.op for v in extra if v.op is not None)),
            outputs=(*graph.outputs, *extra),
        )
        self.samples = [(inputs, self.graph.evaluate(inputs)) for inputs in samples]

    def failing(self, halves: Set[Op], bound: float) -> list[int]:
        """The outputs that are off by more than the bound on any sample."""
        found = set()
        for inputs, exact in self.samples:
            made = self.evaluate(inputs, halves)
            rows = zip(self.judged, self.slopes, exact, made, strict=True)
            for at, (i, slope, right, given) in enumerate(rows):
                # Bools and unsigned numbers have no differences.
                want, got = (np.asarray(a, np.float64) for a in (right, given))
                range_ = float(np.abs(want).max(initial=0.0)) if i == at else 1.0
                error = slope * float(np.abs(want - got).max(initial=0.0))
                # The steepest slope is the worst case already; other inputs can't be worse than that.
                allowed = bound * max(1.0, range_) if i == at else WORSE * bound
                # Written so that NaN fails.
                if not error <= allowed:
                    found.add(i)
        return sorted(found)

    def evaluate(self, inputs: list[Array], halves: Set[Op]) -> list[Array]:
        """The outputs, through halves wherever ``halves`` stores them."""
        arrays = dict(zip(self.graph.inputs, inputs, strict=True))
        left = self.graph.uses()
        for op in self.graph.ops:
            (made,) = _rounded(op).evaluate(arrays) if op in halves else op.evaluate(arrays)
            for value in op.operands:
                left[value] -= 1
                if not left[value]:
                    del arrays[value]
            rounds = op in halves and op.results[0].type.layout == "phwc4"
            arrays[op.results[0]] = _half(made) if rounds else made
        return [arrays[v] for v in self.graph.outputs]


def _half(array: Array) -> Array:
    with np.errstate(over="ignore"):
        return array.astype(np.float16).astype(np.float32)


def _rounded(op: Op) -> Op:
    """The op over weights as its kernel would store them; small constants stay accurate there."""
    if not isinstance(op, Fused):
        return op
    if not stores_half_constants(replace(op, half_weights=True)):
        return op
    new: dict[Value, Value] = {}
    ops: list[Op] = []
    for old in op.body.ops:
        inner = old.with_operands(new)
        if isinstance(inner, Constant) and inner.data.ndim > 1 and inner.type.dtype == "f32":
            inner = replace(inner, data=_half(np.clip(inner.data, -HALF_MAX, HALF_MAX)))
        ops.append(inner)
        new.update(zip(old.results, inner.results, strict=True))
    return replace(op, body=op.body.with_ops(tuple(ops), new))
