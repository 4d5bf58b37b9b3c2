"""compile(): options, errors, what a bundle says of itself."""

from __future__ import annotations

import numpy as np
import pytest

import tflgpuc
from support.small_models import conv_model
from support.tflite_writer import Operator, Table, write

MODEL = write(conv_model())


def test_precision_is_about_storage():
    graph = conv_model()
    twice = [
        *graph.operators[:1],
        Operator("SOFTMAX", (3,), (4,), Table("SoftmaxOptions", {"beta": 1.0})),
    ]
    made = tflgpuc.compile(write(conv_model(operators=twice)), precision="f16").manifest
    assert made["precision"] == "f16"
    dtypes = {t["dtype"] for t in made["tensors"] if t["role"] == "intermediate"}
    assert dtypes == {"f16"}
    assert {p["dtype"] for p in (*made["inputs"], *made["outputs"])} == {"f32"}


def test_languages_can_be_left_out():
    made = tflgpuc.compile(MODEL, emit=["msl"])
    assert not any(path.startswith("glsl/") for path in made.chunks)
    assert all(set(p["entry"]) == {"msl"} for p in made.manifest["programs"])
    with pytest.raises(tflgpuc.BundleError, match="without glsl"):
        made.runner("interpreter")


def test_input_shapes_are_carried_through():
    made = tflgpuc.compile(MODEL, input_shapes={"image": (1, 8, 9, 2)}).manifest
    assert made["inputs"][0]["shape"] == [1, 8, 9, 2]
    assert made["outputs"][0]["shape"] == [1, 6, 4, 5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "f8"}, "no such precision"),
        ({"target": "abacus"}, "no such target"),
        ({"emit": ["hlsl"]}, "no such language"),
        ({"input_shapes": {"picture": (1, 2)}}, "picture"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(tflgpuc.UsageError, match=message):
        tflgpuc.compile(MODEL, **options)


def test_errors_name_the_file(tmp_path):
    path = tmp_path / "broken.tflite"
    path.write_bytes(MODEL[: len(MODEL) // 2])
    with pytest.raises(tflgpuc.ModelError, match=r"^broken\.tflite: "):
        tflgpuc.compile(path)


def test_shaders_say_where_they_come_from():
    made = tflgpuc.compile(MODEL, name="small")
    (path,) = [p for p in made.chunks if "conv_2d" in p]
    text = made.text(path)
    assert "// subgraph 0, op 0 (conv_2d 'features')" in text
    assert "// subgraph 0, op 1 (logistic 'scores')" in text
    assert "tile:" in text
    assert "msl/small.metal" in made.chunks


def test_locations_are_printed_on_request():
    made = tflgpuc.compile(MODEL, locations=True)
    (path,) = [p for p in made.chunks if "conv_2d" in p]
    assert "// convolution.py:" in made.text(path)


def test_an_output_may_be_an_input_or_a_constant():
    """Nothing computes them, but they have to be in the output buffers all the same."""
    graph = conv_model(outputs=(4, 0, 2))
    made = tflgpuc.compile(write(graph))
    image = np.random.default_rng(0).uniform(-1, 1, (1, 6, 7, 2)).astype(np.float32)
    with made.runner() as runner:
        outputs = list(runner.run({"image": image}).values())
    np.testing.assert_array_equal(outputs[1], image)
    np.testing.assert_array_equal(outputs[2], np.arange(5, dtype=np.float32))
