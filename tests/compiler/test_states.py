"""State lives across runs on every device, and can be reset."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tflgpuc
from gles_process import missing
from support.control_models import (
    ADD,
    assign,
    call_once,
    f32,
    litert_runs,
    read,
    resource,
    var_handle,
)
from support.tflite_writer import Operator, Subgraph, Tensor, write
from tflgpuc.ir.errors import DeviceError

pytest.importorskip("ai_edge_litert")

RUNS = [[np.array([1, 2, 3], np.float32)], [np.array([5, -3, 1], np.float32)]] * 2
INIT = Subgraph(
    [resource(), f32("start", [4, 7, -1])], [var_handle(0), assign(0, 1)], (), (), "init"
)
# y = v + x; v = y.
SUM = Subgraph(
    [Tensor("x", (3,)), resource(), Tensor("old", (3,)), Tensor("y", (3,))],
    [call_once(1), var_handle(1), read(1, 2), Operator("ADD", (2, 0), (3,), ADD), assign(1, 3)],
    (0,),
    (3,),
)
# The new value takes a way that only the CPU knows: through doubles.
WIDE = replace(
    SUM,
    tensors=[*SUM.tensors, Tensor("wide", (3,), "float64"), Tensor("z", (3,))],
    operators=[
        *SUM.operators[:4],
        Operator("CAST", (3,), (4,)),
        Operator("CAST", (4,), (5,)),
        assign(1, 5),
    ],
    outputs=(5,),
)


def runs(bundle, device):
    if device == "gles" and missing("system"):
        pytest.skip(str(missing("system")))
    try:
        runner = bundle.runner(device)
    except DeviceError as error:
        pytest.skip(str(error))
    with runner:
        first = [runner.run({"x": x})[name] for (x,) in RUNS for name in outputs(bundle)]
        runner.reset()
        again = [runner.run({"x": x})[name] for (x,) in RUNS for name in outputs(bundle)]
    return first, again


def outputs(bundle):
    return [p["name"] for p in bundle.manifest["outputs"]]


@pytest.mark.parametrize("device", ["interpreter", "msl", "gles"])
@pytest.mark.parametrize("model", [SUM, WIDE], ids=["gpu", "cpu"])
def test_a_sum_goes_on_from_run_to_run(model, device):
    data = write(model, INIT)
    bundle = tflgpuc.compile(data)
    (state,) = bundle.manifest["states"]
    assert state["initial"] is not None
    wanted = [array for made in litert_runs(data, RUNS) for array in made]
    for found in runs(bundle, device):
        for a, b in zip(wanted, found, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_saved_bundle_keeps_its_state(tmp_path):
    tflgpuc.compile(write(SUM, INIT)).save(tmp_path / "out")
    with tflgpuc.load(tmp_path / "out").runner() as runner:
        x = np.zeros(3, np.float32)
        np.testing.assert_array_equal(runner.run({"x": x})["y"], [4, 7, -1])
        np.testing.assert_array_equal(runner.run({"x": x + 1})["y"], [5, 8, 0])
    with tflgpuc.load(tmp_path / "out").runner() as fresh:
        np.testing.assert_array_equal(fresh.run({"x": x})["y"], [4, 7, -1])
