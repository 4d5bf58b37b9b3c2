"""Formats from the command line to the comparison with LiteRT."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import tflgpuc
from tflgpuc.backends.tflite import write
from tflgpuc.cli import main
from tflgpuc.conversions import Conversions
from tflgpuc.ir.errors import BundleError, UsageError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.sampling import runtime, weights
from tflgpuc.verification import verify

FORMATS = {"a=b": "rgba8,size=7x5,scale=1/127.5,bias=-1"}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A convolution of an image whose name has an equals sign."""
    x = runtime(1, 4, 6, 3, name="a=b")
    made = Conv2D(input=x, filter=weights(5, 3, 3, 3), bias=weights(5), padding="SAME")
    parameters = (made.filter.op, made.bias.op)
    graph = Graph((x,), (*parameters, made), (made.result,), "main", ("a=b",), ("y",))
    (tmp_path / "m.tflite").write_bytes(write(graph))
    return tmp_path / "m.tflite"


def test_the_commands_know_formats(model, tmp_path, capsys):
    def asked(*arguments: object) -> str:
        assert main([str(a) for a in arguments]) == 0
        return capsys.readouterr().out

    folder = tmp_path / "bundle"
    (text,) = FORMATS.values()
    asked("compile", model, "-o", folder, "--input-format", f"a=b={text}", "--output-format",
          "y=top_k:2")  # fmt: skip
    shown = asked("inspect", folder)
    assert "input a=b: 1x5x7x4xu8, rgba8,size=7x5,scale=0.00784" in shown
    assert "output y: 1x4x6x2xf32, top_k:2" in shown and "output y_indices: 1x4x6x2xi32" in shown
    passed = json.loads(asked("verify", model, folder, "--json"))
    assert passed["passed"] and len(passed["comparisons"]) == 2
    np.save(tmp_path / "x.npy", np.zeros((1, 5, 7, 4), np.uint8))
    assert "y_indices" in asked("run", folder, "--input", tmp_path / "x.npy")


def test_images_of_files(model, tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)
    (tmp_path / "images").mkdir()
    image.fromarray(pixels).save(tmp_path / "images" / "one.png")
    bundle = tflgpuc.compile(model, input_formats=FORMATS)
    rows = verify(model, bundle, inputs=tmp_path / "images")
    assert [row.case for row in rows] == ["random 0", "one.png"]
    assert all(row.passed for row in rows)


def test_a_wrong_preparation_is_noticed(model):
    bundle = tflgpuc.compile(model, input_formats=FORMATS)
    (entry,) = bundle.manifest["formats"]["inputs"]
    entry["format"] = "rgba8,size=7x5,scale=1/127.5,bias=-0.9"
    assert not all(row.passed for row in verify(model, bundle))


def test_what_formats_need(model):
    with pytest.raises(UsageError, match="no input 'x'; there are 'a=b'"):
        tflgpuc.compile(model, input_formats={"x": "rgba8"})
    with pytest.raises(UsageError, match="output 'y': no format 'rgb'"):
        tflgpuc.compile(model, output_formats={"y": "rgb"})
    bundle = tflgpuc.compile(model, input_formats=FORMATS)
    with pytest.raises(BundleError, match="can't be read"):
        Conversions(bundle.manifest, None)


@pytest.mark.parametrize("text", ["rgba8", "=rgba8", "a=b="])
def test_what_is_no_format(model, tmp_path, text):
    command = ["compile", str(model), "-o", str(tmp_path / "bundle"), "--input-format", text]
    assert main(command) != 0 and not (tmp_path / "bundle").exists()
