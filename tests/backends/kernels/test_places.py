"""Ops that take or put elements by numbers computed at run time, on the interpreter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from support.graphs import graph_of
from tflgpuc.backends.runtime.interpreter import interpret_schedule
from tflgpuc.ir.errors import UnsupportedError
from tflgpuc.ir.graph.op import Array, Op
from tflgpuc.ir.graph.ops.arg_max import ArgMax
from tflgpuc.ir.graph.ops.arg_min import ArgMin
from tflgpuc.ir.graph.ops.cast import Cast
from tflgpuc.ir.graph.ops.cumsum import Cumsum
from tflgpuc.ir.graph.ops.dynamic_update_slice import DynamicUpdateSlice
from tflgpuc.ir.graph.ops.gather_nd import GatherND
from tflgpuc.ir.graph.ops.padv2 import Padv2
from tflgpuc.ir.graph.ops.scatter_nd import ScatterND
from tflgpuc.ir.graph.ops.sparse_to_dense import SparseToDense
from tflgpuc.ir.graph.ops.topk_v2 import TopKV2
from tflgpuc.ir.graph.ops.unsorted_segment_max import UnsortedSegmentMax
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import DType
from tflgpuc.passes.manager import PassManager
from tflgpuc.passes.partition import Partition
from tflgpuc.passes.pipeline import default_passes
from tflgpuc.targets import load_target

TARGET = load_target("generic-gles31")
PASSES = [replace(p, cpu=False) if isinstance(p, Partition) else p for p in default_passes()]
SHAPES = [(9,), (3, 6), (2, 3, 5), (2, 3, 4, 7), (2, 1, 3, 2, 5)]


def check(op: Op, *inputs: Array) -> None:
    """The kernels make what the reference makes."""
    graph = graph_of(op)
    schedule = PassManager(PASSES).run(graph, TARGET)
    made = interpret_schedule(schedule, dict(zip(schedule.inputs, inputs, strict=True)))
    for name, right in zip(schedule.outputs, graph.evaluate(list(inputs)), strict=True):
        np.testing.assert_allclose(made[name], right, rtol=1e-5, atol=1e-5)


def steps(shape: tuple[int, ...], seed: int = 0) -> Array:
    """Few different floats, so that some are equal."""
    drawn = np.random.default_rng(seed).integers(-2, 3, shape)
    return np.asarray(drawn, np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cls", [ArgMax, ArgMin])
def test_extremes_along_every_axis(cls: type[ArgMax | ArgMin], shape: tuple[int, ...]) -> None:
    x = steps(shape)
    x.flat[:1] = np.nan
    for axis in range(len(shape)):
        made = "INT64" if axis % 2 else "INT32"
        check(cls(input=runtime(*shape), axis=constant(axis), output_type=made), x)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_sums_along_every_axis(shape: tuple[int, ...], exclusive: bool, reverse: bool) -> None:
    for axis in range(len(shape)):
        op = Cumsum(
            input=runtime(*shape), axis=constant(axis), exclusive=exclusive, reverse=reverse
        )
        check(op, steps(shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_greatest_elements_in_order(shape: tuple[int, ...]) -> None:
    x = steps(shape)
    x.flat[1] = np.nan
    check(TopKV2(input=runtime(*shape), k=constant(shape[-1] - 1)), x)


def test_too_many_comparisons_are_refused() -> None:
    with pytest.raises(UnsupportedError):
        check(TopKV2(input=runtime(20000), k=constant(3)), steps((20000,)))


@pytest.mark.parametrize("dtype", ["f32", "i32", "bool"])
def test_updates_of_one_place_add_up(dtype: DType) -> None:
    op = ScatterND(
        indices=runtime(4, 1, name="indices", dtype="i32"),
        updates=runtime(4, 5, name="updates", dtype=dtype),
        shape=constant([3, 5]),
    )
    updates = np.asarray(steps((4, 5)), {"f32": "f4", "i32": "i4", "bool": "?"}[dtype])
    check(op, np.array([[2], [0], [2], [2]], np.int32), updates)


@pytest.mark.parametrize("at", [[[2, 1], [0, 3]], [[2, 1], [2, 1]]])
def test_updates_of_known_places(at: list[list[int]]) -> None:
    op = ScatterND(
        indices=constant(np.array(at, np.int32)),
        updates=runtime(2, 6, name="updates"),
        shape=constant([3, 4, 6]),
    )
    check(op, steps((2, 6)))


@pytest.mark.parametrize("values", [(), (3,)])
def test_the_last_of_sparse_values_stays(values: tuple[int, ...]) -> None:
    default = runtime(name="default")
    given = runtime(*values, name="values")
    places = np.array([[1, 2], [0, 3], [1, 2]], np.int32)
    op = SparseToDense(
        sparse_indices=constant(places),
        dense_shape=constant([2, 4]),
        sparse_values=given,
        default_value=default,
    )
    arrays = np.full(values, 2, np.float32) + np.arange(np.prod(values, dtype=int)).reshape(values)
    check(op, np.float32(arrays), np.array(-1, np.float32))
    at_run_time = replace(op, sparse_indices=runtime(3, 2, name="indices", dtype="i32"))
    check(at_run_time, places, np.float32(arrays), np.array(-1, np.float32))


def test_empty_segments_hold_the_least_number() -> None:
    op = UnsortedSegmentMax(
        input=runtime(3, 2, 5), segment_ids=runtime(3, name="ids", dtype="i32"),
        num_segments=constant(4),
    )  # fmt: skip
    check(op, steps((3, 2, 5)), np.array([2, -1, 2], np.int32))


@pytest.mark.parametrize("part", [(2, 3, 6), (2, 3, 2)])
def test_updates_that_would_stick_out_are_moved(part: tuple[int, ...]) -> None:
    op = DynamicUpdateSlice(
        operand=runtime(2, 5, 6, name="operand"),
        update=runtime(*part, name="update"),
        start_indices=runtime(3, name="starts", dtype="i64"),
    )
    for starts in ([0, 1, 3], [7, -2, 1], [-1, 9, 9]):
        check(op, steps((2, 5, 6)), steps(part, 1), np.array(starts))


def test_long_indices() -> None:
    op = GatherND(params=runtime(3, 4, 5), indices=runtime(2, 2, name="indices", dtype="i64"))
    check(op, steps((3, 4, 5)), np.array([[2, 3], [0, 1]]))


@pytest.mark.parametrize(
    ("old", "new"), [("i64", "INT32"), ("i64", "INT8"), ("i32", "INT64"), ("bool", "INT64")]
)
def test_last_bits_of_long_integers(old: DType, new: str) -> None:
    numbers = np.array([0, 1, -1, 300, -(1 << 31), (1 << 35) + 7])
    given = {"i64": numbers, "i32": numbers.astype(np.int32), "bool": numbers > 0}[old]
    check(Cast(input=runtime(6, dtype=old), out_data_type=new), given)


def test_padding_with_a_number_of_run_time() -> None:
    op = Padv2(
        input=runtime(2, 3, 5),
        paddings=constant(np.array([[0, 1], [2, 0], [0, 0]], np.int32)),
        constant_values=runtime(name="value"),
    )
    check(op, steps((2, 3, 5)), np.array(7, np.float32))
