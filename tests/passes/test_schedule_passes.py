"""Schedule passes: barriers, work groups, limits, tiles."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tflgpuc.backends.runtime.interpreter import interpret_schedule
from tflgpuc.ir.errors import LimitError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.exp import Exp
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.ops.softmax import Softmax
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.passes.manager import PassManager
from tflgpuc.passes.pipeline import default_passes
from tflgpuc.passes.select import choose_tile
from tflgpuc.passes.work_groups import choose_group
from tflgpuc.targets import load_target, target_names

TARGET = load_target("generic-gles31")


def schedule_of(inputs, ops, outputs, target=TARGET):
    return PassManager(default_passes()).run(Graph(inputs, ops, outputs), target)


def diamond():
    """Two softmaxes of one input, which don't depend on each other, and their sum."""
    x = runtime(1, 4, 4, 8)
    a, b = Softmax(input=x), Softmax(input=x, beta=2.0)
    total = Add(lhs=a.result, rhs=Exp(x=b.result).result)
    return (x,), (a, b, total.rhs.op, total), (total.result,)


def test_independent_steps_need_no_barrier():
    steps = schedule_of(*diamond()).steps
    assert [s.kernel.name.split("_")[0] for s in steps] == ["copy", "softmax", "softmax"]
    assert [s.barrier for s in steps] == [False, True, True]


def test_barriers_cover_every_hazard():
    """Replays the schedule: between barriers, no step touches what another wrote, or writes what
    another read."""
    schedule = schedule_of(*diamond())
    read, written = [], []

    def overlap(a, b):
        return (
            a.buffer == b.buffer and a.offset < b.offset + b.size and b.offset < a.offset + a.size
        )

    for step in schedule.steps:
        if step.barrier:
            read, written = [], []
        reads = [schedule.placements[n] for n in step.reads()]
        writes = [schedule.placements[n] for n in step.writes()]
        assert not any(overlap(a, b) for a in reads + writes for b in written)
        assert not any(overlap(a, b) for a in writes for b in read)
        read += reads
        written += writes


@given(st.tuples(st.integers(1, 2000), st.integers(1, 300), st.integers(1, 300)))
def test_work_groups_keep_the_limits(grid):
    size = choose_group(grid, TARGET)
    assert math.prod(size) <= TARGET.max_invocations
    assert all(s <= limit for s, limit in zip(size, TARGET.max_group, strict=True))
    launched = math.prod(-(-g // s) * s for g, s in zip(grid, size, strict=True))
    assert launched < 8 * math.prod(grid)


def test_a_broken_limit_is_an_error():
    small = replace(TARGET, max_invocations=1, max_groups=(1, 1, 1))
    with pytest.raises(LimitError, match="target generic-gles31 allows 1"):
        schedule_of(*diamond(), target=small)


@pytest.mark.parametrize("name", target_names())
def test_every_target_compiles(name):
    assert schedule_of(*diamond(), target=load_target(name)).steps


def test_small_outputs_get_small_tiles():
    large = choose_tile(TensorType("f32", (1, 112, 112, 64)), TARGET)
    small = choose_tile(TensorType("f32", (1, 1, 1, 1001)), TARGET)
    assert (large.pixels, large.slices) == (4, 2)
    assert (small.pixels, small.slices) == (1, 1)


def test_no_launch_binds_a_tensor_twice():
    """A reshape may be the same memory; two bindings of it would be one too many, and WebGPU forbids
    them."""
    x = runtime(1, 4, 1, 8)
    once = Softmax(input=x)
    turned = Reshape(tensor=once.result, new_shape=(1, 1, 4, 8))
    total = Add(lhs=once.result, rhs=turned.result)
    twice = Softmax(input=total.result)
    schedule = schedule_of((x,), (once, turned, total, twice), (twice.result,))
    for step in schedule.steps:
        bound = [t for t in step.tensors if t is not None]
        assert len(set(bound)) == len(bound) == len(step.kernel.buffers)
    given = np.random.default_rng(0).uniform(-1, 1, (1, 4, 1, 8)).astype(np.float32)
    (made,) = interpret_schedule(schedule, {schedule.inputs[0]: given}).values()
    a = once.reference(given)
    right = twice.reference(a + a.reshape(1, 1, 4, 8))
    np.testing.assert_allclose(made, right, atol=1e-6)
