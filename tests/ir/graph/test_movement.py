"""Data movement ops where TFLite's semantics have corners."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tflgpuc.ir.errors import VerifyError
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.depth_to_space import DepthToSpace
from tflgpuc.ir.graph.ops.dequantize import Dequantize
from tflgpuc.ir.graph.ops.gather import Gather
from tflgpuc.ir.graph.ops.mirror_pad import MirrorPad
from tflgpuc.ir.graph.ops.pad import Pad
from tflgpuc.ir.graph.ops.range import Range
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.ops.slice import Slice
from tflgpuc.ir.graph.ops.space_to_depth import SpaceToDepth
from tflgpuc.ir.graph.ops.split_v import SplitV
from tflgpuc.ir.graph.ops.squeeze import Squeeze
from tflgpuc.ir.graph.ops.strided_slice import StridedSlice
from tflgpuc.ir.graph.ops.transpose import Transpose
from tflgpuc.ir.graph.types import Quantization, TensorType

Array = NDArray[Any]


def ints(*values: int) -> Value:
    """A constant vector of i32."""
    return Constant(data=np.array(values, np.int32), type=TensorType("i32", (len(values),))).result


def strided(
    shape: tuple[int, ...], begin: list[int], end: list[int], strides: list[int], **masks: Any
) -> Array:
    """A strided slice of 0, 1, 2, ...; also checks that its type is inferred right."""
    x = Value(TensorType("i32", shape), "x")
    op = StridedSlice(input=x, begin=ints(*begin), end=ints(*end), strides=ints(*strides), **masks)
    op.verify()
    data = np.arange(math.prod(shape), dtype=np.int32).reshape(shape)
    made = op.reference(data, *(v.static("") for v in op.operands[1:]))
    assert made.shape == op.result.type.shape
    return made


GRID = np.arange(60, dtype=np.int32).reshape(3, 4, 5)


@pytest.mark.parametrize(
    ("index", "wanted"),
    [
        (dict(begin=[1, 0, 1], end=[2, 4, 4], strides=[1, 2, 1]), GRID[1:2, 0:4:2, 1:4]),
        (dict(begin=[0], end=[-1], strides=[1]), GRID[0:-1]),
        (dict(begin=[-1, 3], end=[-9, 0], strides=[-1, -2]), GRID[::-1, 3:0:-2]),
        (dict(begin=[-9, 1], end=[9, 99], strides=[1, 1]), GRID[-9:9, 1:99]),
        (dict(begin=[2, 3], end=[1, 1], strides=[1, 1]), GRID[2:1, 3:1]),
        (
            dict(begin=[9, 9], end=[0, 1], strides=[-1, 1], begin_mask=3, end_mask=1),
            GRID[::-1, :1],
        ),
        (dict(begin=[-1, 0], end=[0, 4], strides=[1, 1], shrink_axis_mask=1), GRID[-1]),
        (
            dict(begin=[0, 1], end=[0, 3], strides=[1, 1], ellipsis_mask=1),
            GRID[..., 1:3],
        ),
        (
            dict(
                begin=[1, 0, -1],
                end=[0, 0, 0],
                strides=[1, 1, 1],
                ellipsis_mask=2,
                shrink_axis_mask=5,
            ),
            GRID[1, ..., -1],
        ),
        (
            dict(
                begin=[0, 0, 2],
                end=[2, 0, 4],
                strides=[1, 1, 1],
                new_axis_mask=2,
            ),
            GRID[0:2, np.newaxis, 2:4],
        ),
        (
            dict(
                begin=[0, 0, 0],
                end=[1, 0, 0],
                strides=[1, 1, 1],
                ellipsis_mask=2,
                new_axis_mask=4,
            ),
            GRID[0:1, ..., np.newaxis],
        ),
        (dict(begin=[1, -3], end=[2, 2], strides=[1, 1], offset=True), GRID[1:3, 1:3]),
    ],
)
def test_strided_slice(index: dict[str, Any], wanted: Array) -> None:
    np.testing.assert_array_equal(strided((3, 4, 5), **index), wanted)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (dict(begin=[0], end=[1], strides=[0]), "a stride is 0"),
        (dict(begin=[5], end=[6], strides=[1], shrink_axis_mask=1), "element 3 of axis 0"),
        (dict(begin=[0] * 4, end=[1] * 4, strides=[1] * 4), "4 entries index"),
        (dict(begin=[0] * 2, end=[1] * 2, strides=[1] * 2, ellipsis_mask=3), "several ellipses"),
    ],
)
def test_strided_slice_refuses(index: dict[str, Any], message: str) -> None:
    with pytest.raises(VerifyError, match=message):
        strided((3, 4, 5), **index)


def mirror(mode: str, size: int, before: int, after: int) -> MirrorPad:
    paddings = Constant(
        data=np.array([[before, after]], np.int32), type=TensorType("i32", (1, 2))
    ).result
    return MirrorPad(input=Value(TensorType("f32", (size,)), "x"), paddings=paddings, mode=mode)


def test_mirror_pad() -> None:
    x = np.array([1, 2, 3], np.float32)
    for mode, wanted in (
        ("REFLECT", [3, 2, 1, 2, 3, 2]),
        ("SYMMETRIC", [2, 1, 1, 2, 3, 3]),
    ):
        op = mirror(mode, 3, 2, 1)
        op.verify()
        np.testing.assert_array_equal(op.reference(x, op.paddings.static("")), wanted)
    full = mirror("SYMMETRIC", 3, 3, 3)
    full.verify()
    made = full.reference(x, full.paddings.static(""))
    np.testing.assert_array_equal(made, [3, 2, 1, 1, 2, 3, 3, 2, 1])
    for op in (
        mirror("REFLECT", 3, 3, 0),
        mirror("SYMMETRIC", 3, 0, 4),
        mirror("REFLECT", 1, 1, 0),
    ):
        with pytest.raises(VerifyError, match="do not mirror"):
            op.verify()
    with pytest.raises(VerifyError, match="no such mode"):
        mirror("EDGE", 3, 1, 1).verify()


def test_transpose() -> None:
    x = Value(TensorType("i32", (3, 4, 5)), "x")
    op = Transpose(input=x, perm=ints(-1, 0, 1))
    op.verify()
    np.testing.assert_array_equal(run(op, GRID), GRID.transpose(2, 0, 1))
    assert op.result.type.shape == (5, 3, 4)
    for perm, message in (((0, 1), "leaves axes out"), ((0, 1, 1), "twice"), ((0, 1, 3), "axis 3")):
        with pytest.raises(VerifyError, match=message):
            Transpose(input=x, perm=ints(*perm)).verify()


def test_reshape_prefers_a_constant_shape_and_resolves_one_open_axis() -> None:
    x = Value(TensorType("f32", (2, 6)), "x")
    run_time = Value(TensorType("i32", (2,)), "shape")
    assert Reshape(tensor=x, shape=ints(3, -1), new_shape=(12,)).result.type.shape == (3, 4)
    assert Reshape(tensor=x, shape=run_time, new_shape=(12,)).result.type.shape == (12,)
    with pytest.raises(VerifyError, match="12 elements do not fill shape"):
        Reshape(tensor=x, new_shape=(5, -1)).verify()
    with pytest.raises(VerifyError, match="computed at run time"):
        Reshape(tensor=x, shape=run_time).verify()


def run(op: Op, x: Array) -> Array:
    """The op's first result; its only operand that is no constant gets ``x``."""
    op.verify()
    return op.evaluate({v: x if v.constant is None else v.constant for v in op.operands})[0]


def test_depth_to_space_orders_blocks_as_tensorflow_does() -> None:
    x = Value(TensorType("f32", (1, 1, 1, 8)), "x")
    data = np.arange(8, dtype=np.float32).reshape(1, 1, 1, 8)
    made = run(DepthToSpace(input=x, block_size=2), data)
    np.testing.assert_array_equal(made[0], [[[0, 1], [2, 3]], [[4, 5], [6, 7]]])
    back = Value(TensorType("f32", made.shape), "y")
    np.testing.assert_array_equal(run(SpaceToDepth(input=back, block_size=2), made), data)
    with pytest.raises(VerifyError, match="blocks of 3 by 3 from 8 channels"):
        DepthToSpace(input=x, block_size=3).verify()


def test_gather_with_batch_dims_picks_within_each_batch() -> None:
    x = Value(TensorType("i32", (2, 3, 2)), "x")
    indices = Constant(
        data=np.array([[2, 0], [1, 1]], np.int32), type=TensorType("i32", (2, 2))
    ).result
    data = np.arange(12, dtype=np.int32).reshape(2, 3, 2)
    made = run(Gather(params=x, indices=indices, axis=1, batch_dims=1), data)
    np.testing.assert_array_equal(made, [[[4, 5], [0, 1]], [[8, 9], [8, 9]]])
    with pytest.raises(VerifyError, match="indices 0 to 2 of axis of size 2"):
        Gather(params=x, indices=indices, axis=2).verify()


def test_dequantize_per_axis() -> None:
    type = TensorType("i8", (2, 2), quantization=Quantization((0.5, 2.0), (1, -1), 0))
    made = run(Dequantize(input=Value(type, "q")), np.array([[1, -128], [127, -1]], np.int8))
    np.testing.assert_array_equal(made, [[0, -64.5], [256, 0]])
    with pytest.raises(VerifyError, match="no scale"):
        Dequantize(input=Value(TensorType("i8", (2,)), "q")).verify()


def test_pad_fills_quantised_tensors_with_their_zero_point() -> None:
    type = TensorType("i8", (1,), quantization=Quantization((0.5,), (-7,)))
    widths = Constant(data=np.array([[1, 2]], np.int32), type=TensorType("i32", (1, 2))).result
    made = run(Pad(input=Value(type, "q"), paddings=widths), np.array([5], np.int8))
    np.testing.assert_array_equal(made, [-7, 5, -7, -7])


def test_slices_and_splits_outside_are_refused() -> None:
    x = Value(TensorType("f32", (4, 6)), "x")
    with pytest.raises(VerifyError, match="elements 3 to 5 of axis 0 of size 4"):
        Slice(input=x, begin=ints(3, 0), size=ints(2, 6)).verify()
    with pytest.raises(VerifyError, match=r"parts of \(4, 3\) elements of axis 1 of size 6"):
        SplitV(value=x, size_splits=ints(4, 3), axis=ints(1), num_splits=2).verify()
    with pytest.raises(VerifyError, match="axis 1 has 6 elements and can't be dropped"):
        Squeeze(input=x, squeeze_dims=(1,)).verify()


def test_a_range_needs_constants() -> None:
    run_time = Value(TensorType("i32", ()), "limit")
    with pytest.raises(VerifyError, match="limit is computed at run time"):
        Range(start=ints(0), limit=run_time, delta=ints(1)).infer()
