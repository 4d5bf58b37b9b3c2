"""Images in and out of hosts: bytes and places are arrays like others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import support.host_models as small
from gles_process import missing
from support.cpp_driver import COMPILERS, build
from tflgpuc.backends.bundle import Bundle
from tflgpuc.backends.tflite import write
from tflgpuc.driver import compile
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.logistic import Logistic
from tflgpuc.ir.graph.sampling import runtime, weights

NO_GLES = missing("system")
pytestmark = pytest.mark.skipif(NO_GLES is not None, reason=str(NO_GLES))

PYTHON = """
import importlib, sys
import numpy as np
folder, given, wanted, name = sys.argv[1:]
sys.path.insert(0, folder + "/host/python")
host = importlib.import_module(name)
with host.HeadlessContext() as context, host.Model(context.gl) as model:
    np.savez(wanted, *model.run({"image": np.load(given)}).values())
"""


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """An image of another size into a mask as an image, and the best of some scores."""
    x = runtime(1, 6, 8, 3, name="image")
    one = Conv2D(input=x, filter=weights(1, 3, 3, 3), bias=weights(1), padding="SAME")
    mask = Logistic(x=one.result, names=("mask",))
    scores = Conv2D(input=x, filter=weights(5, 1, 1, 3), bias=weights(5), names=("scores",))
    parameters = (v.op for op in (one, scores) for v in (op.filter, op.bias))
    graph = Graph(
        (x,), (*parameters, one, mask, scores), (mask.result, scores.result), "main", ("image",),
        ("mask", "scores"),
    )  # fmt: skip
    return compile(
        write(graph),
        input_formats={"image": "rgba8,size=11x9,scale=1/127.5,bias=-1"},
        output_formats={"mask": "rgba8,scale=255", "scores": "top_k:2"},
        hosts=small.HOSTS,
        name="small",
    )


def check(bundle: Bundle, made: list) -> None:
    wanted = small.on_gles(bundle, small.inputs_of(bundle))
    dtypes = [np.uint8, np.float32, np.int32]
    for array, right, dtype in zip(made, wanted.values(), dtypes, strict=True):
        assert right.dtype == dtype
        np.testing.assert_array_equal(np.reshape(array, right.shape), right)


def test_in_python(bundle: Bundle, tmp_path: Path) -> None:
    folder = bundle.save(tmp_path / "bundle")
    (module,) = (folder / "host" / "python").iterdir()
    given, wanted = tmp_path / "given.npy", tmp_path / "wanted.npz"
    np.save(given, small.inputs_of(bundle)["image"])
    command = [sys.executable, "-c", PYTHON, folder, given, wanted, module.stem]
    subprocess.run([str(c) for c in command], check=True)
    check(bundle, list(np.load(wanted).values()))


@pytest.mark.skipif(not COMPILERS, reason="no C++ compiler")
def test_in_cpp(bundle: Bundle, tmp_path: Path) -> None:
    folder = bundle.save(tmp_path / "bundle")
    program = build(bundle, folder, tmp_path, COMPILERS[0], ())
    ran = program.run(small.inputs_of(bundle), tmp_path, runs=1)
    check(bundle, list(ran.outputs.values()))
