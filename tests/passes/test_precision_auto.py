"""Which tensors become halves: those whose range is known to fit, as long as the error stays small."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tflgpuc
from support.models import zoo
from tflgpuc.backends.tflite import write
from tflgpuc.explanation import Explanation
from tflgpuc.ir.errors import UsageError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.logistic import Logistic
from tflgpuc.ir.graph.ops.mul import Mul
from tflgpuc.ir.graph.ops.prelu import Prelu
from tflgpuc.ir.graph.ops.relu6 import Relu6
from tflgpuc.ir.graph.sampling import constant, runtime, weights
from tflgpuc.passes.ranges import bounds


def graph_of(x: Value, *ops: Op) -> Graph:
    constants = [v.op for op in ops for v in op.operands if v.constant is not None and v.op]
    return Graph((x,), (*constants, *ops), (ops[-1].results[0],), "main", ("x",), ("y",))


def chain(scale: float) -> Graph:
    """conv, scaled and clamped to 0 .. 6, another conv, and a sigmoid."""
    x = runtime(1, 8, 8, 4, name="x")
    first = Conv2D(input=x, filter=weights(16, 3, 3, 4), bias=weights(16))
    scaled = Mul(lhs=first.result, rhs=constant(np.full((1, 1, 1, 16), scale, np.float32)))
    kept = Relu6(x=scaled.result)
    second = Conv2D(input=kept.result, filter=weights(8, 1, 1, 16), bias=weights(8))
    return graph_of(x, first, scaled, kept, second, Logistic(x=second.result))


def decided(graph: Graph, **options: object) -> list[dict[str, object]]:
    told = Explanation()
    tflgpuc.compile(write(graph), precision="auto", explanation=told, **options)
    return told.precision()


def test_what_is_clamped_is_a_half_without_calibration() -> None:
    storages = {d["op"]: d["storage"] for d in decided(chain(1.0))}
    assert "f16" in storages.values()


def test_what_might_overflow_stays_f32() -> None:
    x = runtime(1, 8, 8, 4, name="x")
    first = Conv2D(input=x, filter=weights(16, 3, 3, 4))
    second = Conv2D(input=first.result, filter=weights(8, 3, 3, 16))
    third = Conv2D(input=second.result, filter=weights(8, 3, 3, 8))
    graph = graph_of(x, first, second, third)
    found = decided(graph)
    assert {d["storage"] for d in found} == {"f32"}
    assert {d["why"] for d in found} == {"it might overflow"}
    small = [{"x": np.random.default_rng(0).uniform(-1, 1, (1, 8, 8, 4)).astype(np.float32)}]
    assert "f16" in {d["storage"] for d in decided(graph, calibration=small)}
    large = [{"x": np.full((1, 8, 8, 4), 1e5, np.float32)}]
    assert {d["storage"] for d in decided(graph, calibration=large)} == {"f32"}


def test_the_error_stays_under_the_bound() -> None:
    graph = chain(1.0)
    sample = {"x": np.random.default_rng(1).uniform(-1, 1, (1, 8, 8, 4)).astype(np.float32)}
    (right,) = graph.evaluate([sample["x"]])
    for bound in (1e-2, 1e-4):
        bundle = tflgpuc.compile(
            write(graph), precision="auto", precision_bound=bound, calibration=[sample]
        )
        with bundle.runner("interpreter") as runner:
            (made,) = runner.run(sample).values()
        assert np.abs(made - right).max() <= bound


def test_intervals_hold_what_is_computed() -> None:
    rng = np.random.default_rng(2)
    x = runtime(1, 5, 6, 7, name="x")
    conv = Conv2D(input=x, filter=weights(9, 3, 3, 7), bias=weights(9))
    prelu = Prelu(input=conv.result, alpha=weights(1, 1, 9))
    added = Add(lhs=prelu.result, rhs=weights(1, 1, 1, 9))
    graph = graph_of(x, conv, prelu, added)
    proved = bounds(graph, {x: (-2.0, 3.0)})
    for _ in range(20):
        arrays = {x: rng.uniform(-2, 3, x.type.shape).astype(np.float32)}
        for op in graph.ops:
            arrays[op.results[0]] = op.evaluate(arrays)[0]
            low, high = proved[op.results[0]]
            made = arrays[op.results[0]]
            assert low - 1e-3 <= made.min() and made.max() <= high + 1e-3, op.describe()
            assert np.isfinite([low, high]).all()


def test_calibration_by_files(tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(write(chain(1.0)))
    samples = tmp_path / "samples"
    samples.mkdir()
    with pytest.raises(UsageError, match="no image, "):
        tflgpuc.compile(model, precision="auto", calibration=samples)
    np.savez(samples / "one.npz", x=np.ones((1, 8, 8, 4), np.float32))
    command = [
        sys.executable, "-m", "tflgpuc", "compile", str(model), "-o", str(tmp_path / "out"),
        "--precision", "auto", "--calibrate", str(samples), "--precision-bound", "0.005",
        "--explain", "--json",
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert all(d["seen"] is not None for d in json.loads(done.stdout)["precision"])


def test_a_real_model() -> None:
    folder = zoo()
    if folder is None:
        pytest.skip("no zoo beside the checkout")
    told = Explanation()
    bundle = tflgpuc.compile(
        folder / "mobilenet_v1_1.0_224_float.tflite",
        precision="auto",
        calibration=folder / "inputs",
        explanation=told,
    )
    halves = [d for d in told.precision() if d["storage"] == "f16"]
    assert len(halves) > len(told.precision()) // 2
    assert bundle.manifest["precision"] == "auto"
