"""Random inputs: types, ranges, and indices that a model's own ops can take."""

from __future__ import annotations

import numpy as np
import pytest

from support.small_models import imported
from support.tflite_writer import Operator, Subgraph, Table, Tensor
from tflgpuc.ir.graph.types import NUMPY
from tflgpuc.random_inputs import Port, index_limits, ports_of, random_inputs


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [("i8", -128, 127), ("u8", 0, 255), ("i16", -32768, 32767), ("i32", 0, 9), ("i64", 0, 9),
     ("bool", 0, 1)],
)  # fmt: skip
def test_integers_reach_their_limits(dtype, low, high):
    (array,) = random_inputs({"x": Port((300, 1000), dtype)}, 0).values()
    assert (array.dtype, array.shape) == (NUMPY[dtype], (300, 1000))
    assert (int(array.min()), int(array.max())) == (low, high)


def test_other_types():
    ports = {
        "f": Port((5, 4)),
        "c": Port((3,), "c64"),
        "s": Port((2, 2), "string"),
        "e": Port((0,)),
    }
    made = random_inputs(ports, 7)
    assert made["f"].dtype == np.float32
    assert np.abs(made["f"]).max() <= 1
    assert made["c"].dtype == np.complex64
    assert made["c"].imag.any()
    assert made["s"].shape == (2, 2)
    assert all(isinstance(word, bytes) and word for word in made["s"].flat)
    assert made["e"].shape == (0,)
    np.testing.assert_array_equal(made["f"], random_inputs(ports, 7)["f"])


def graph(*operators, tensors, inputs, output):
    return imported(Subgraph(tensors, list(operators), inputs, (output,))).main


def test_gathered_indices_stay_inside_the_axis():
    """The indices come through a RESHAPE; the divisor of another input only may not be zero."""
    made = graph(
        Operator("RESHAPE", (1, 2), (3,), Table("ReshapeOptions", {})),
        Operator("GATHER", (0, 3), (4,), Table("GatherOptions", {"axis": 1})),
        tensors=[
            Tensor("params", (2, 3, 4)),
            Tensor("indices", (2, 2), "int32"),
            Tensor("shape", (1,), "int32", np.array([4], np.int32)),
            Tensor("flat", (4,), "int32"),
            Tensor("result", (2, 4, 4)),
        ],
        inputs=(0, 1),
        output=4,
    )
    assert index_limits(made) == {made.inputs[1]: (0, 2)}
    listed = [
        {"name": "params", "shape": [2, 3, 4], "dtype": "f32"},
        {"name": "indices", "shape": [2, 2], "dtype": "i32"},
    ]
    ports = ports_of(listed, made)
    assert ports["params"].limits is None
    assert ports["indices"].limits == (0, 2)
    assert ports_of(listed, None)["indices"].limits is None
    drawn = {int(n) for seed in range(9) for n in random_inputs(ports, seed)["indices"].flat}
    assert drawn == {0, 1, 2}


def test_divisors_are_not_zero():
    made = graph(
        Operator("FLOOR_MOD", (0, 1), (2,)),
        tensors=[Tensor(name, (8,), "int32") for name in "abc"],
        inputs=(0, 1),
        output=2,
    )
    assert index_limits(made) == {made.inputs[1]: (1, 9)}


def test_opaque_operators_count_too():
    depth = Tensor("depth", (), "int32", np.array(5, np.int32))
    values = [Tensor(n, (), "float32", np.array(v, np.float32)) for n, v in (("on", 1), ("off", 0))]
    made = graph(
        Operator("ONE_HOT", (0, 1, 2, 3), (4,), Table("OneHotOptions", {"axis": -1})),
        tensors=[Tensor("indices", (6,), "int32"), depth, *values, Tensor("result", (6, 5))],
        inputs=(0,),
        output=4,
    )
    assert index_limits(made) == {made.inputs[0]: (0, 4)}
