"""Bundles: deterministic, whole or not there, checked when they are opened."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time

import jsonschema
import numpy as np
import pytest

from support.small_models import conv_model
from support.tflite_writer import write
from tflgpuc.backends.bundle import load, schema
from tflgpuc.driver import compile
from tflgpuc.ir.errors import BundleError, UnsupportedError, UsageError

MODEL = write(conv_model())


@pytest.fixture
def folder(tmp_path):
    return compile(MODEL).save(tmp_path / "out")


def contents(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def test_the_same_input_gives_the_same_bytes(tmp_path):
    assert contents(compile(MODEL).save(tmp_path / "a")) == contents(
        compile(MODEL).save(tmp_path / "b")
    )


def test_the_manifest_follows_its_schema(folder):
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(json.loads((folder / "manifest.json").read_text()), schema())


def test_every_file_is_listed(folder):
    listed = {f["path"] for f in json.loads((folder / "manifest.json").read_text())["files"]}
    assert listed | {"manifest.json"} == set(contents(folder))


def test_wgsl_is_printed_when_asked_for(tmp_path):
    made = compile(MODEL, emit=["wgsl"])
    folder = made.save(tmp_path / "out")
    jsonschema.validate(made.manifest, schema())
    for program in load(folder).manifest["programs"]:
        wgsl = {"file": f"wgsl/{program['name']}.wgsl", "function": "main"}
        assert program["entry"] == {"wgsl": wgsl}
        assert "fn main(" in (folder / wgsl["file"]).read_text()


def test_saving_over_a_bundle_replaces_it(folder):
    (folder / "stray").write_text("old")
    compile(MODEL, precision="f16").save(folder)
    assert load(folder).manifest["precision"] == "f16"
    assert not (folder / "stray").exists()
    assert [p.name for p in folder.parent.iterdir()] == ["out"]


def test_saving_over_something_else_is_refused(tmp_path):
    (tmp_path / "precious").write_text("data")
    with pytest.raises(BundleError, match="is no bundle"):
        compile(MODEL).save(tmp_path)
    assert (tmp_path / "precious").read_text() == "data"


def test_nothing_is_left_of_a_failed_save(tmp_path, monkeypatch):
    bundle = compile(MODEL)
    monkeypatch.setattr("tflgpuc.backends.bundle._write", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bundle.save(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_altered_file_is_noticed(folder):
    shader = next(folder.glob("glsl/*.comp"))
    shader.write_text(shader.read_text() + "\n")
    with pytest.raises(BundleError, match="isn't the file that was compiled"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(version=99), "version 99"),
        (lambda m: m.update(format="other"), "no manifest of tflgpuc"),
        (lambda m: m.pop("steps"), "'steps' is a required property"),
        (lambda m: m["files"][0].update(path="../../etc/passwd"), "does not match"),
    ],
)
def test_a_wrong_manifest_is_refused(folder, change, message):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=message):
        load(folder)


def test_no_bundle(tmp_path):
    with pytest.raises(BundleError, match="no bundle here"):
        load(tmp_path)


def test_runs_what_was_loaded(folder):
    image = np.random.default_rng(0).uniform(-1, 1, (1, 6, 7, 2)).astype(np.float32)
    with load(folder).runner() as runner, compile(MODEL).runner() as other:
        (made,), (same,) = (
            runner.run({"image": image}).values(),
            other.run({"image": image}).values(),
        )
    assert made.shape == (1, 4, 3, 5)
    np.testing.assert_array_equal(made, same)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "'image' is missing"),
        ({"picture": np.zeros(1)}, "no input 'picture'"),
        ({"image": np.zeros((1, 6, 7, 3))}, "not \\[1, 6, 7, 3\\]"),
    ],
)
def test_wrong_inputs(folder, inputs, message):
    with load(folder).runner() as runner, pytest.raises(UsageError, match=message):
        runner.run(inputs)


def test_unknown_device(folder):
    with pytest.raises(UsageError, match="no such device: tpu"):
        load(folder).runner("tpu")


def test_unsupported_ops_are_listed_at_once(models):
    """Two kinds of unknown things in one graph: both are named."""
    graph = conv_model()
    operators = [graph.operators[0], type(graph.operators[1])("UNIQUE", (3,), (4,))]
    with pytest.raises(UnsupportedError, match=r"op 1 \(unique 'scores'\)"):
        compile(write(conv_model(operators=operators)), cpu=False)


def test_killing_a_compile_leaves_no_bundle(models, tmp_path):
    tool = [sys.executable, "-m", "tflgpuc"]
    model = models["face_detection_short_range"]
    start = time.perf_counter()
    subprocess.run([*tool, str(model), "-o", str(tmp_path / "whole")], check=True)
    whole = time.perf_counter() - start
    moments = random.Random(0)
    for i in range(20):
        out = tmp_path / f"out{i}"
        process = subprocess.Popen([*tool, str(model), "-o", str(out)], stdout=subprocess.DEVNULL)
        time.sleep(moments.uniform(0, whole))
        process.send_signal(signal.SIGKILL if i % 2 else signal.SIGTERM)
        process.wait()
        if out.exists():
            load(out)  # It was done before the signal: then it is whole.
