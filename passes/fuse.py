"""Makes each dispatch one op: a root, what its kernel computes as it reads, and what it applies."""

from __future__ import annotations

from dataclasses import replace

from tflgpuc.backends.kernels.catalogue import unsupported
from tflgpuc.backends.kernels.computed import inlined
from tflgpuc.ir.errors import UnsupportedError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Value, merged_sources
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.ops.segment import Segment
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass, untold
from tflgpuc.passes.recompute import refusal
from tflgpuc.passes.rules import Match, Rules, Tracer, prune


class Fuse(GraphPass, name="fuse"):
    """Joins elementwise ops to the op that makes their input, and cheap ops to the one that reads them.

    What only one kernel reads is computed there instead of stored, unless that costs more; ``prologue``
    switches this off. What is made of an RGBA image is never stored, unless ``images`` says otherwise:
    it would take several times the image's memory.
    """

    max_ops: int = 32
    prologue: bool = True
    images: bool = True
    tracer: Tracer | None = untold()

    def run(self, graph: Graph, target: Target) -> Graph:
        made = Rules("fuse", [(Fused, self.join)]).apply(wrap(graph, target), target, self.tracer)
        if self.prologue:
            made = Rules("fuse", [(Fused, self.absorb)]).apply(made, target, self.tracer)
        return made

    def absorb(self, op: Fused, match: Match) -> Op | None:
        """A kernel computes what it reads, if nothing else reads that and it is cheap enough."""
        for value in dict.fromkeys(op.inputs):
            producer = value.op
            if not isinstance(producer, Fused):
                continue
            reason = self._overload(producer, op, value, match) or refusal(
                producer, op, value, match.target, self.images
            )
            if reason is None:
                return merge(producer, op, producer.before + 1 + len(producer.epilogue) + op.before)
            match.no(reason)
        return None

    def join(self, op: Fused, match: Match) -> Op | None:
        """An elementwise op runs in the kernel that makes its input, if that has no other reader."""
        if not op.root.elementwise:
            return None
        candidates = [v for v in dict.fromkeys(op.inputs) if isinstance(v.op, Fused)]
        # Heavy producers first: others can still join the kernel that comes of it.
        candidates.sort(key=lambda v: isinstance(v.op, Fused) and inlined(v.op.root) is not None)
        for value in candidates:
            producer = value.op
            assert isinstance(producer, Fused)
            reason = self._refusal(producer, op, value, match)
            if reason is None:
                return merge(producer, op, producer.before)
            match.no(reason)
        return None

    def _refusal(self, producer: Fused, op: Fused, value: Value, match: Match) -> str | None:
        if value.type.shape != op.result.type.shape:
            return "the input is broadcast"
        if op.before:
            return "what the op computes before it reads would have no place"
        return self._overload(producer, op, value, match)

    def _overload(self, producer: Fused, op: Fused, value: Value, match: Match) -> str | None:
        """Why two kernels can't be one, whichever is part of the other."""
        if match.uses[value] != op.inputs.count(value):
            return "the input has other readers"
        if len(producer.computing) + len(op.computing) > self.max_ops:
            return "the kernel is long enough"
        inputs = dict.fromkeys([*producer.inputs, *(v for v in op.inputs if v is not value)])
        if len(inputs) + 1 + _needs_weights(producer, op) > match.target.storage_blocks:
            return "the kernel would bind too many buffers"
        return None


def _needs_weights(*ops: Fused) -> bool:
    data = [o.data for op in ops for o in op.body.ops if isinstance(o, Constant)]
    return any(d.size > 1 for d in data) or any(not op.root.elementwise for op in ops)


def wrap(graph: Graph, target: Target) -> Graph:
    """The graph with each op that isn't a constant or a segment alone in a gpu.fused."""
    new: dict[Value, Value] = {}
    ops: list[Op] = []
    for old in graph.ops:
        op = old.with_operands(new)
        if isinstance(op, Constant | Fused | Segment):
            ops.append(op)
            new.update(zip(old.results, op.results, strict=True))
            continue
        reason = unsupported(op, target)
        if reason is not None:
            raise UnsupportedError(f"{op.describe()}: {reason}")
        fused = wrapped(op)
        ops.append(fused)
        new.update(zip(old.results, fused.results, strict=True))
    return prune(graph.with_ops(tuple(ops), new))


def wrapped(op: Op) -> Fused:
    """An op alone in a gpu.fused, with the constants it reads."""
    outer = tuple(dict.fromkeys(v for v in op.operands if v.constant is None))
    inner = {v: Value(v.type, v.name) for v in outer}
    constants = dict.fromkeys(v.op for v in op.operands if v.op and v.constant is not None)
    body_op = op.with_operands(inner)
    body = Graph(
        tuple(inner.values()), (*constants, body_op), body_op.results, name=op.name.split(".")[-1]
    )
    return Fused(
        inputs=outer,
        body=body,
        types=tuple(v.type for v in op.results),
        sources=op.sources,
        names=op.names,
    )


def merge(producer: Fused, consumer: Fused, before: int) -> Fused:
    """Both as one, reading the producer's result directly; the root comes after ``before`` ops."""
    joined = dict(zip(producer.inputs, producer.body.inputs, strict=True))
    new: dict[Value, Value] = {}
    for outer, inner in zip(consumer.inputs, consumer.body.inputs, strict=True):
        if outer is producer.result:
            new[inner] = producer.body.outputs[0]
        else:
            new[inner] = joined.setdefault(outer, inner)
    ops = list(producer.body.ops)
    for old in consumer.body.ops:
        op = old.with_operands(new)
        new.update(zip(old.results, op.results, strict=True))
        if op not in ops:
            ops.append(op)
    body = replace(
        producer.body,
        inputs=tuple(joined.values()),
        ops=tuple(ops),
        outputs=tuple(new.get(v, v) for v in consumer.body.outputs),
        name=(producer if before == producer.before else consumer).body.name,
    )
    return Fused(
        inputs=tuple(joined),
        body=body,
        types=consumer.types,
        sources=merged_sources(producer, consumer),
        names=consumer.names,
        before=before,
    )
