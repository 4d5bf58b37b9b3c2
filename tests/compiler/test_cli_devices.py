"""The commands that run bundles: ``run``, ``verify`` and ``bench``."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from PIL import Image

import tflgpuc
from support.small_models import BIAS, conv_model, tensors_with
from support.tflite_writer import Operator, Subgraph, Tensor, write
from tflgpuc.cli.run import assign_files, file_names


def unary(opcode, shape=(1, 6, 7, 3), name="image"):
    """A model of one operator without options."""
    tensors = [Tensor(name, shape), Tensor("result", shape)]
    return write(Subgraph(tensors, [Operator(opcode, (0,), (1,))], (0,), (1,)))


def pair():
    """Both inputs' maximum: two inputs of one shape, an output of two rows of scores."""
    tensors = [Tensor(name, (2, 12)) for name in ("a", "b", "most")]
    return write(Subgraph(tensors, [Operator("MAXIMUM", (0, 1), (2,))], (0, 1), (2,)))


def test_run(cli, bundle, tmp_path):
    image = np.random.default_rng(0).uniform(-1, 1, (1, 6, 7, 2)).astype(np.float32)
    np.save(tmp_path / "in.npy", image)
    with tflgpuc.load(bundle).runner() as runner:
        expected = runner.run({"image": image})["scores"]
    given = ("--input", f"image={tmp_path}/in.npy", "--output", tmp_path / "outputs")
    status, out, _ = cli("run", bundle, *given, "--json")
    (row,) = json.loads(out)
    assert status == 0
    assert (row["output"], row["shape"], row["top"]) == ("scores", [1, 4, 3, 5], [])
    assert row["max"] == expected.max() == expected[tuple(row["argmax"])]
    np.testing.assert_array_equal(np.load(row["file"]), expected)
    assert row["file"] == str(tmp_path / "outputs" / "scores.npy")
    assert "1x4x3x5" in cli("run", bundle, "--input", tmp_path / "in.npy")[1]


def test_run_ranks_each_row_of_scores(cli, made, tmp_path):
    _, bundle = made(pair())
    a = np.arange(24, dtype=np.float32).reshape(2, 12) % 13
    np.save(tmp_path / "a.npy", a)
    np.save(tmp_path / "b.npy", np.full((2, 12), 3, np.float32))
    given = ("--input", f"b={tmp_path}/b.npy", "--input", tmp_path / "a.npy")
    status, out, _ = cli("run", bundle, *given, "--json")
    (row,) = json.loads(out)
    assert status == 0
    assert [[one["index"] for one in best] for best in row["top"]] == [
        [11, 10, 9, 8, 7],
        [0, 11, 10, 9, 8],
    ]
    assert "11: 11; 10: 10; 9: 9; 8: 8; 7: 7 | 0: 12; " in cli("run", bundle, *given)[1]


def test_json_has_no_bare_nan(cli, made, tmp_path):
    _, bundle = made(unary("LOG", (2, 3)))
    np.save(tmp_path / "in.npy", np.array([[1, -1, 0], [1, 1, 1]], np.float32))
    _, out, _ = cli("run", bundle, "--input", tmp_path / "in.npy", "--json")
    (row,) = json.loads(out, parse_constant=pytest.fail)
    assert row["max"] == "NaN"


def test_files_are_given_to_inputs(tmp_path, monkeypatch):
    assert assign_files(["x.npy", "a=y.npy"], ["a", "b"]) == {"a": "y.npy", "b": "x.npy"}
    monkeypatch.chdir(tmp_path)
    (tmp_path / "n=1.npy").touch()
    assert assign_files(["n=1.npy"], ["a"]) == {"a": "n=1.npy"}
    with pytest.raises(Exception, match="two files for input 'a'"):
        assign_files(["a=x.npy", "a=y.npy"], ["a", "b"])


def test_output_files_never_meet():
    assert file_names(["Identity:0", "../up"]) == ["Identity_0.npy", "_up.npy"]
    assert file_names(["a/b", "a:b", ""]) == ["0_a_b.npy", "1_a_b.npy", "2_output.npy"]


def test_verify(cli, model, bundle):
    status, out, err = cli("verify", model, bundle, "--seed", "5", "--json")
    found = json.loads(out)
    assert (status, err, found["passed"]) == (0, "", True)
    (row,) = found["comparisons"]
    assert (row["case"], row["output"], row["tolerance"]) == ("random 5", "scores", 1e-4)
    assert row["relative"] <= 1e-5
    assert " pass" in cli("verify", model, bundle)[1]


def test_verify_takes_the_bundle_s_shapes_and_precision(cli, model, tmp_path):
    options = ("--input-shape", "image=1,9,11,2", "--precision", "f16")
    assert cli(model, "-o", tmp_path / "out", *options)[0] == 0
    status, out, _ = cli("verify", model, tmp_path / "out", "--json")
    assert status == 0
    assert json.loads(out)["comparisons"][0]["tolerance"] == 1e-2


def test_verify_fails_on_another_model(cli, bundle, made):
    other, _ = made(write(conv_model(tensors=tensors_with(2, data=BIAS + np.float32(0.01)))))
    status, out, _ = cli("verify", other, bundle)
    assert status == 1
    assert "FAIL" in out
    assert cli("verify", other, bundle, "--tolerance", "0.5")[0] == 0


def test_verify_fails_on_nan(cli, made):
    absolute, _ = made(unary("ABS"), "absolute")
    _, bundle = made(unary("LOG"), "logarithm")
    status, out, _ = cli("verify", absolute, bundle, "--tolerance", "1e9", "--json")
    (row,) = json.loads(out, parse_constant=pytest.fail)["comparisons"]
    assert (status, row["passed"], row["error"]) == (1, False, "Infinity")
    assert row["verdict"] == "FAIL: NaN or Inf where LiteRT has none, or another shape or type"


def test_verify_needs_litert(cli, model, bundle, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    status, _, err = cli("verify", model, bundle)
    assert status == 1
    assert "pip install 'tflgpuc[verify]'" in err


def test_verify_runs_every_file(cli, made, tmp_path):
    path, bundle = made(unary("TANH"))
    folder = tmp_path / "inputs"
    folder.mkdir()
    Image.new("L", (9, 5), 200).save(folder / "grey.png")
    Image.new("RGB", (70, 60), (255, 0, 128)).save(folder / "red.bmp")
    np.save(folder / "ones.npy", np.ones((1, 6, 7, 3), np.float32))
    np.savez(folder / "zeros.npz", image=np.zeros((1, 6, 7, 3), np.float32))
    (folder / "notes.txt").write_text("no input")
    status, out, _ = cli("verify", path, bundle, "--inputs", folder, "--json")
    assert status == 0
    names = [row["case"] for row in json.loads(out)["comparisons"]]
    assert names == ["random 0", "grey.png", "ones.npy", "red.bmp", "zeros.npz"]
    status, out, _ = cli("run", bundle, "--input", folder / "red.bmp", "--json")
    assert json.loads(out)[0]["max"] == pytest.approx(np.tanh(1))


def test_bench(cli, model, bundle):
    options = ("--device", "interpreter", "--runs", "2", "--warmup", "0", "--profile")
    status, out, _ = cli("bench", bundle, *options, "--against", model, "--json")
    found, made = json.loads(out), tflgpuc.load(bundle).manifest
    ours, theirs = found["latency_ms"]
    assert status == 0
    assert 0 < ours["min"] <= ours["median"] <= ours["max"]
    assert found["ratio"] == pytest.approx(ours["median"] / theirs["median"])
    assert [row["program"] for row in found["steps"]] == [s["program"] for s in made["steps"]]
    assert sum(row["share"] for row in found["steps"]) == pytest.approx(1)
    status, out, _ = cli("bench", bundle, *options, "--against", model)
    assert "bundle / LiteRT: " in out
    assert "conv_2d" in out


def test_bench_refuses_another_model(cli, bundle, made):
    tensors = [Tensor(name, (1, 6, 7, 2)) for name in "abc"]
    two_inputs = Subgraph(tensors, [Operator("TANH", (0,), (2,))], (0, 1), (2,))
    other, _ = made(write(two_inputs))
    status, out, err = cli("bench", bundle, "--device", "interpreter", "--against", other)
    assert (status, out) == (2, "")
    assert "inputs aren't those of" in err
