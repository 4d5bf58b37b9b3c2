"""Bundles with CPU segments, from the model's file to their results."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import tflgpuc
from gles_process import missing
from tflgpuc.backends.tflite import write
from tflgpuc.ir.errors import DeviceError, UnsupportedError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.ops.batch_matmul import BatchMatmul
from tflgpuc.ir.graph.ops.cast import Cast
from tflgpuc.ir.graph.ops.logistic import Logistic
from tflgpuc.ir.graph.ops.tanh import Tanh
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.targets import load_target
from tflgpuc.verification import verify

pytest.importorskip("ai_edge_litert", reason="CPU segments are run by ai-edge-litert")


def through_doubles():
    """x times y on the GPU, there and back through doubles, and a sigmoid on the GPU again."""
    x, y = runtime(1, 2, 32, 48, name="x"), runtime(1, 2, 48, 32, name="y")
    product = BatchMatmul(x=x, y=y, names=("product",))
    wide = Cast(input=product.result, out_data_type="FLOAT64", names=("wide",))
    back = Cast(input=wide.result, in_data_type="FLOAT64", out_data_type="FLOAT32", names=("back",))
    again = BatchMatmul(x=Tanh(x=back.result).result, y=x, names=("again",))
    out = Logistic(x=again.result, names=("out",))
    ops = (product, wide, back, again.x.op, again, out)
    return Graph((x, y), ops, (out.result, back.result), "main", ("x", "y"), ("out", "back"))


# Calling the CPU is so cheap that no GPU op goes along.
TARGET = load_target("generic-gles31")
TARGET = replace(TARGET, costs=replace(TARGET.costs, wait=0.0, copy_rate=1e15, launch=0.0))


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "doubles.tflite"
    path.write_bytes(write(through_doubles()))
    return path


def expected(arrays):
    return dict(zip(("out", "back"), through_doubles().evaluate(arrays), strict=True))


def random_inputs():
    rng = np.random.default_rng(5)
    return [
        rng.uniform(-1, 1, shape).astype(np.float32) for shape in ((1, 2, 32, 48), (1, 2, 48, 32))
    ]


@pytest.mark.parametrize("device", ["interpreter", "msl", "gles"])
def test_a_segment_runs_between_dispatches(model, device):
    if device == "gles" and missing("system"):
        pytest.skip(str(missing("system")))
    bundle = tflgpuc.compile(model, target=TARGET)
    kinds = [step["type"] for step in bundle.manifest["steps"]]
    where = kinds.index("segment")
    assert kinds.count("segment") == 1
    assert "dispatch" in kinds[:where] and "dispatch" in kinds[where:]
    try:
        rows = verify(model, bundle, device=device)
    except DeviceError as error:
        pytest.skip(str(error))
    assert all(row.passed for row in rows), rows


def test_a_saved_bundle_holds_its_segments(model, tmp_path):
    tflgpuc.compile(model, target=TARGET).save(tmp_path / "out")
    (segment,) = (tmp_path / "out" / "cpu").iterdir()
    assert segment.read_bytes()[4:8] == b"TFL3"
    arrays = random_inputs()
    with tflgpuc.load(tmp_path / "out").runner("interpreter") as runner:
        for _ in range(2):
            made = runner.run(dict(zip(("x", "y"), arrays, strict=True)))
            for name, right in expected(arrays).items():
                np.testing.assert_allclose(made[name], right, rtol=0, atol=1e-4)
        times = runner.profile(dict(zip(("x", "y"), arrays, strict=True)))
    assert [t.program for t in times if t.program.startswith("cpu/")] == ["cpu/segment_0.tflite"]


def test_an_output_of_a_segment_needs_no_memory_on_the_gpu(model):
    bundle = tflgpuc.compile(model, target=TARGET)
    back = next(p for p in bundle.manifest["outputs"] if p["name"] == "back")
    tensor = next(t for t in bundle.manifest["tensors"] if t["name"] == back["tensor"])
    # The GPU reads it too, so it has a buffer; wide doubles, which only the CPU sees, have none.
    assert tensor["role"] == "output" and tensor["buffer"] == "output:back"
    assert not [t for t in bundle.manifest["tensors"] if t["dtype"] == "f64"]


def test_without_the_cpu_it_is_refused(model):
    with pytest.raises(UnsupportedError, match="is f64"):
        tflgpuc.compile(model, cpu=False)


def test_the_command_says_what_runs_on_the_cpu(cli, model, tmp_path):
    status, out, _ = cli(model, "-o", tmp_path / "out")
    assert status == 0
    assert "operators run on the CPU, in 1 segments" in out
    assert "(cast 'wide'): its result is f64" in out
    status, out, _ = cli(model, "-o", tmp_path / "again", "--json")
    assert json.loads(out)["segments"] == 1
    status, out, _ = cli("inspect", tmp_path / "out")
    assert (status, "cpu/segment_0.tflite" in out) == (0, True)
    status, _, err = cli(model, "-o", tmp_path / "none", "--no-cpu")
    assert (status, "is f64" in err) == (1, True)
    assert not (tmp_path / "none").exists()


def test_halves_stop_where_the_cpu_begins(model):
    bundle = tflgpuc.compile(model, target=TARGET, precision="f16")
    roles = {(t["role"], t["dtype"]) for t in bundle.manifest["tensors"]}
    assert ("intermediate", "f16") in roles and ("host", "f16") not in roles
    assert all(row.passed for row in verify(model, bundle))
