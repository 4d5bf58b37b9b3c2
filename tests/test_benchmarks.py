"""Each benchmark runs on a tiny model and writes its figures; no time is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import gles_process
from support.models import ROOT
from support.small_models import conv_model
from support.tflite_writer import write


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.tflite"
    file.write_bytes(write(conv_model()))
    return file


def figures(name: str, folder: Path, *options: str) -> dict[str, Any]:
    """What a benchmark wrote."""
    file = folder / "figures.json"
    command = [sys.executable, "-m", f"benchmarks.{name}", f"--json={file}", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(file.read_text())
    assert made["machine"]["date"]
    assert all(not row.get("note") for row in made["rows"]), made["rows"]
    return made


def given(model: Path) -> list[str]:
    return [f"--models={model.parent}", f"--model={model.name}"]


def test_dispatches(tiny: Path, tmp_path: Path) -> None:
    (row,) = figures("dispatches", tmp_path, *given(tiny))["rows"]
    assert row["dispatches"] < row["operators"] + 2
    assert row["arena"] >= row["lower bound"]


def test_compile_time_of_graphs_and_weights(tmp_path: Path) -> None:
    options = ("--ops=4,8", "--megabytes=2", "--constants=2")
    rows = figures("compile_time", tmp_path, *options)["rows"]
    assert len(rows) == 5
    assert all(row["peak bytes"] > row["file"] for row in rows)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("latency", ("--runs=1",)),
        ("convolutions", ("--runs=1",)),
        ("shader_compile", ()),
        ("memory", ()),
    ],
)
def test_benchmarks_that_run_bundles(
    name: str, options: tuple[str, ...], tiny: Path, tmp_path: Path
) -> None:
    pytest.importorskip("ai_edge_litert", reason="no LiteRT to compare with")
    reason = gles_process.missing("system")
    if reason:
        pytest.skip(reason)
    assert figures(name, tmp_path, *given(tiny), *options)["rows"]


def test_guide(tmp_path: Path) -> None:
    reason = gles_process.missing("system")
    if reason:
        pytest.skip(reason)
    pair = "reshape of channels : none"
    (row,) = figures("guide", tmp_path, "--runs=1", f"--pair={pair}")["rows"]
    assert row["pair"] == pair
    assert row["predicted"] > 1
    assert row["CPU"] > 0


def test_graphs_of_thousands_of_operators_keep_their_kernels_few(tmp_path: Path) -> None:
    """Equal layers share a kernel, so that work grows with the operators and no faster."""
    code = (
        "from benchmarks.synthetic import SHAPES; from tflgpuc.backends.tflite.writer import write;"
        "from tflgpuc import compile;"
        "print([len(compile(write(SHAPES['residual'](n))).manifest['programs']) for n in (10, 100)])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    small, large = json.loads(done.stdout)
    assert small == large
