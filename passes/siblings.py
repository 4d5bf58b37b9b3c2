"""Convolutions of one input whose results are read in place, as slices of one wider convolution."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Hashable
from itertools import accumulate

import numpy as np

from tflgpuc.backends.kernels.computed import inlined
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Value, merged_sources
from tflgpuc.ir.graph.ops.concatenation import Concatenation
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.ops.slice import Slice
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.target import Target
from tflgpuc.passes.rules import missing_ops
from tflgpuc.passes.select import same_vec4s
from tflgpuc.passes.spelling import ints

# Channels of a slice: parts start at multiples of them, so that they are read as they are.
SLICE = 4


def widen_siblings(graph: Graph, target: Target) -> Graph:
    """The graph with convolutions of one input and window made by one, of which slices are read.

    Only where each result is read once, by what reads the slices in place: all but one of the
    dispatches are saved, and no work is added.
    """
    users: dict[Value, list[Op]] = defaultdict(list)
    for op in graph.ops:
        for value in op.operands:
            users[value].append(op)
    outputs = set(graph.outputs)
    groups: dict[Hashable, list[Conv2D]] = defaultdict(list)
    for op in graph.ops:
        if isinstance(op, Conv2D) and _is_plain(op) and _meets(op.result, users, outputs, target):
            groups[_window(op)].append(op)
    new: dict[Value, Value] = {}
    for found in groups.values():
        # Those whose channels fill their slices go first.
        members = sorted(found, key=lambda m: m.result.type.shape[3] % SLICE != 0)
        ragged = [m for m in members if m.result.type.shape[3] % SLICE]
        members = members[: len(members) - max(0, len(ragged) - 1)]
        if len(members) > 1:
            new.update(zip((m.result for m in members), _widened(members), strict=True))
    return _rebuilt(graph, new) if new else graph


def _is_plain(op: Conv2D) -> bool:
    """Whether the weights are constants of f32, and there is one group."""
    data = op.filter.constant
    bias = None if op.bias is None else op.bias.constant
    return (
        op.groups == 1
        and data is not None
        and data.dtype == np.float32
        and op.filter.type.quantization is None
        and (op.bias is None or (bias is not None and bias.dtype == np.float32))
    )


def _window(op: Conv2D) -> Hashable:
    """What siblings have in common."""
    return (op.input, op.kernel, tuple(op.attributes.items()))


def _meets(value: Value, users: dict[Value, list[Op]], outputs: set[Value], target: Target) -> bool:
    """Whether a value is read once, by what can read a slice of another tensor in its place.

    That is elementwise arithmetic, or a concatenation that can bind all of its parts.
    """
    while value not in outputs and len(users[value]) == 1:
        op = users[value][0]
        if isinstance(op, Concatenation):
            parts = {v for v in op.values if v.constant is None}
            # The result is bound, too, and constants may be.
            return len(parts) + 2 <= target.storage_blocks
        if op.elementwise:
            return value.type.rank == 4 and _is_beside(op, value, users)
        # A reshape that moves nothing needs its operand in memory.
        if not isinstance(op, Reshape) or same_vec4s(value.type, op.result.type):
            return False
        value = op.result
    return False


def _is_beside(op: Op, value: Value, users: dict[Value, list[Op]]) -> bool:
    """Whether an elementwise op runs in another kernel than the one that makes ``value``."""
    if value.type.shape != op.results[0].type.shape:
        return True
    return any(
        v is not value and v.op is not None and inlined(v.op) is None and len(users[v]) == 1
        for v in op.operands
        if v.constant is None
    )


def _widened(members: list[Conv2D]) -> list[Value]:
    """The members' results as slices of one convolution."""
    sizes = [m.result.type.shape[3] for m in members]
    data = np.concatenate([m.filter.static("filter") for m in members])
    vectors = [
        np.zeros(size, np.float32) if m.bias is None else m.bias.static("bias").reshape(-1)
        for m, size in zip(members, sizes, strict=True)
    ]
    wide = dataclasses.replace(
        members[0],
        filter=_constant(data),
        bias=_constant(np.concatenate(vectors)),
        sources=merged_sources(*members),
        names=(),
    ).result
    found = []
    for member, size, stop in zip(members, sizes, accumulate(sizes), strict=True):
        shape = list(member.result.type.shape)
        cut = Slice(
            input=wide,
            begin=ints([0, 0, 0, stop - size]),
            size=ints(shape),
            names=member.names,
            sources=member.sources,
        )
        found.append(cut.result)
    return found


def _constant(data: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Value:
    return Constant(data=data, type=TensorType("f32", data.shape)).result


def _rebuilt(graph: Graph, replaced: dict[Value, Value]) -> Graph:
    """The graph with other values for some, whose ops are put in where they are first needed."""
    new: dict[Value, Value] = {}
    placed: set[Value] = set(graph.inputs)
    ops: list[Op] = []
    for old in graph.ops:
        made = [replaced.get(v) for v in old.results]
        if made[0] is None:
            op = old.with_operands(new)
            ops.append(op)
            placed.update(op.results)
            new.update((a, b) for a, b in zip(old.results, op.results, strict=True) if a is not b)
            continue
        value = made[0]
        cut = value.op
        assert isinstance(cut, Slice)
        if cut.input not in new and cut.input.op is not None:
            new[cut.input] = cut.input.op.with_operands(new).results[0]
        moved = cut.with_operands(new)
        ops += missing_ops(moved.results, placed)
        new[old.results[0]] = moved.results[0]
    return graph.with_ops(tuple(ops), new)
