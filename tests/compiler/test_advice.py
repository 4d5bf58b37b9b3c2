"""``inspect --advise``: which rules speak of which models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from support.graphs import graph_of
from tflgpuc.advice import advise
from tflgpuc.backends.tflite.writer import write
from tflgpuc.cli.inspect import inspect
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tflgpuc.ir.graph.ops.fully_connected import FullyConnected
from tflgpuc.ir.graph.ops.hard_swish import HardSwish
from tflgpuc.ir.graph.ops.resize_bilinear import ResizeBilinear
from tflgpuc.ir.graph.sampling import constant, runtime, weights


def stack(channels: int, batch: int = 1, side: int = 56, size: int = 3, layers: int = 3) -> Graph:
    """Convolutions, each with an activation."""
    x: Value = runtime(batch, side, side, channels)
    for _ in range(layers):
        made = Conv2D(input=x, filter=weights(channels, size, size, channels))
        x = HardSwish(x=made.result).result
    assert x.op is not None
    return graph_of(x.op)


def depthwise(size: int) -> Graph:
    return graph_of(
        DepthwiseConv2D(input=runtime(1, 56, 56, 32), filter=weights(1, size, size, 32))
    )


def enlarged() -> Graph:
    features = Conv2D(input=runtime(1, 56, 56, 32), filter=weights(4, 1, 1, 32))
    return graph_of(ResizeBilinear(input=features.result, size=constant([112, 112], "size")))


def dense(width: int) -> Graph:
    return graph_of(FullyConnected(input=runtime(1, width), weights=weights(width, width)))


def found(graph: Graph, target: str = "generic-gles31") -> dict[str, Any]:
    """The findings by rule."""
    return {a["rule"]: a for a in advise(write(graph), target)["advice"]}


def grouped(width: int) -> Graph:
    """A convolution in two groups."""
    return graph_of(
        Conv2D(input=runtime(1, 56, 56, 2 * width), filter=weights(2 * width, 3, 3, width))
    )


@pytest.mark.parametrize(
    ("rule", "model", "opcode"),
    [
        ("channels", lambda: stack(30), "conv_2d"),
        ("large windows", lambda: depthwise(9), "depthwise_conv_2d"),
        ("resizes", enlarged, "resize_bilinear"),
        ("launches", lambda: stack(32, side=8, size=1), "conv_2d"),
        ("weights", lambda: dense(1024), "fully_connected"),
        ("groups", lambda: grouped(6), "conv_2d"),
        ("batch", lambda: stack(32, 4), "input"),
    ],
)
def test_rules_name_the_operators(rule: str, model: Callable[[], Graph], opcode: str) -> None:
    finding = found(model())[rule]
    assert opcode in finding["ops"][0]
    assert 0 < finding["share"] <= 1
    assert finding["cost"] and finding["advice"]


def test_empty_lanes_are_counted_by_both_sides() -> None:
    """Of 33 channels 33/36 of the lanes are used going in, and as many coming out."""
    finding = found(stack(33))["channels"]
    assert 0 < finding["share"] <= 1 - (33 / 36) ** 2 + 1e-9
    assert "33->33" in finding["cost"]
    assert {"channels", "groups"}.isdisjoint(found(stack(32)) | found(grouped(8)))


def test_findings_come_costliest_first() -> None:
    shares = [a["share"] for a in advise(write(stack(30, 4)))["advice"]]
    assert len(shares) > 1
    assert shares == sorted(shares, reverse=True)


def test_the_command_says_it(tmp_path: Path) -> None:
    path = str(tmp_path / "narrow.tflite")
    Path(path).write_bytes(write(stack(30)))
    done = CliRunner().invoke(inspect, [path, "--advise"])
    assert done.exit_code == 0, done.output
    assert "channels in and out: 30->30" in done.output
    done = CliRunner().invoke(inspect, [path, "--advise", "--target", "llvmpipe", "--json"])
    assert json.loads(done.output)["target"] == "llvmpipe"
    assert CliRunner().invoke(inspect, [path, "--target", "llvmpipe"]).exit_code == 2
    assert CliRunner().invoke(inspect, [str(tmp_path), "--advise"]).exit_code == 2


def test_a_model_without_faults_gets_no_advice(tmp_path: Path) -> None:
    path = tmp_path / "wide.tflite"
    path.write_bytes(write(stack(128, layers=6)))
    assert advise(path)["advice"] == []
    assert "nothing to improve" in CliRunner().invoke(inspect, [str(path), "--advise"]).output
