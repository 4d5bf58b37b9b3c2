"""The Swift host: its text, its types against stand-ins for Apple's modules, and its results."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

import support.host_models as small
from support.objc_driver import Program
from support.swift_driver import build, build_modules, syntax_errors, why_no_parser, why_not
from tflgpuc.backends.bundle import Bundle
from tflgpuc.backends.hosts import HOSTS
from tflgpuc.driver import compile
from tflgpuc.ir.errors import UsageError

MODELS = ("conv", "types", "passing_through", "states", "oddly_named")
WITH_SEGMENTS = ("doubles", "states_across")
runs = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
parses = pytest.mark.skipif(why_no_parser() is not None, reason=str(why_no_parser()))


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_modules(tmp_path_factory.mktemp("modules"))


def bundle_of(name: str, space: str = "small") -> Bundle:
    target = small.TARGET if name in WITH_SEGMENTS else small.DEFAULT
    return compile(getattr(small, name)(), target=target, hosts=("swift",), name=space)


def check(program: Program, tmp_path: Path, runs: int = 1) -> list[str]:
    inputs = small.inputs_of(program.bundle)
    outputs, lines = program.run(inputs, tmp_path, runs)
    with program.bundle.runner("msl") as runner:
        for _ in range(runs):
            expected = runner.run(inputs)
    for name, array in expected.items():
        # Swift may bring another C library along, whose tanh rounds otherwise.
        np.testing.assert_allclose(outputs[name], array, rtol=1e-5, atol=1e-6, err_msg=name)
    assert "closed the model is closed" in lines
    return [line for line in lines if line.startswith("gpu ")]


@runs
@pytest.mark.parametrize("name", MODELS)
def test_a_small_model(name, modules, tmp_path):
    assert set(check(build(bundle_of(name), tmp_path, modules), tmp_path)) == {"gpu same"}


@runs
def test_states_are_kept(modules, tmp_path):
    check(build(bundle_of("states"), tmp_path, modules), tmp_path, runs=3)


@runs
def test_segments_run_between_dispatches(modules, tmp_path):
    """Its segment gives what it gets, as the stand-in for TensorFlow Lite does."""
    pytest.importorskip("ai_edge_litert", reason="the runner needs it")
    program = build(bundle_of("doubles"), tmp_path, modules)
    assert check(program, tmp_path, runs=2) == ["gpu same", "gpu same"]


@runs
def test_what_goes_wrong(modules, tmp_path):
    program = build(bundle_of("conv"), tmp_path, modules)
    inputs = small.inputs_of(program.bundle)

    def message() -> str:
        with pytest.raises(subprocess.CalledProcessError) as caught:
            program.run(inputs, tmp_path)
        assert caught.value.returncode == 1
        return str(caught.value.stderr)

    weights, source = program.folder / "weights.bin", program.folder / "msl" / "small.metal"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    assert message() == "weights.bin isn't this model's\n"
    source.write_text(f"{source.read_text()}nonsense")
    assert "what does nonsense mean?" in message()


@runs
def test_states_that_change_sides(modules, tmp_path):
    pytest.importorskip("ai_edge_litert", reason="the runner needs it")
    assert (
        check(build(bundle_of("states_across"), tmp_path, modules), tmp_path, runs=3)
        == ["gpu same"] * 2
    )


@runs
def test_a_real_model(models, modules, tmp_path):
    """Its launches without a barrier between them run in the wrong order."""
    bundle = compile(models["face_detection_short_range"], hosts=("swift",))
    assert check(build(bundle, tmp_path, modules), tmp_path) == ["gpu same", "gpu same"]


@parses
@pytest.mark.parametrize("name", [*MODELS, *WITH_SEGMENTS])
def test_the_grammar(name):
    bundle = bundle_of(name)
    for path in (f["path"] for f in bundle.manifest["files"] if f["path"].startswith("host/")):
        assert syntax_errors(bundle.text(path)) == []


def text_of(bundle: Bundle) -> str:
    names = [f["path"] for f in bundle.manifest["files"] if f["path"].startswith("host/")]
    (path,) = (name for name in names if name.endswith("Model.swift"))
    return bundle.text(path)


@pytest.mark.parametrize("name", ["conv", "states"])
def test_the_text(name, golden):
    bundle = bundle_of(name)
    golden(f"hosts/{name}.swift", text_of(bundle).replace(bundle.manifest["compiler"], "tflgpuc"))


@pytest.mark.parametrize("name", MODELS)
def test_it_says_what_the_manifest_does(name):
    bundle = bundle_of(name)
    text, manifest = text_of(bundle), bundle.manifest
    steps = manifest["steps"]
    numbers = {b["name"]: i for i, b in enumerate(manifest["buffers"])}
    programs = {p["name"]: i for i, p in enumerate(manifest["programs"])}
    bound = re.findall(r" bind\(encoder, (\d+), (\d+), (\d+)\)", text)
    assert [tuple(map(int, b)) for b in bound] == [
        (i, numbers[b["buffer"]], b["offset"]) for s in steps for i, b in enumerate(s["bindings"])
    ]
    launched = re.findall(r" launch\(encoder, (\d+), MTLSizeMake\(([\d, ]+)\)", text)
    assert launched == [
        (str(programs[s["program"]]), ", ".join(map(str, s["groups"]))) for s in steps
    ]
    assert text.count("memoryBarrier(scope: .buffers)") == sum(s["barrier"] for s in steps)


@pytest.mark.parametrize("name", MODELS)
def test_brackets_match(name):
    open = []
    text = re.sub(r'//[^\n]*|"(\\.|[^"\\])*"', "", text_of(bundle_of(name)))
    for character in re.findall(r"[][(){}]", text):
        if character in "([{":
            open.append(character)
        else:
            assert open.pop() + character in ("()", "[]", "{}")
    assert not open


def test_many_launches_are_several_functions():
    bundle = bundle_of("conv")
    steps = bundle.manifest["steps"] * 150
    (made,) = HOSTS["swift"](bundle.manifest | {"steps": steps}, bundle).values()
    assert [made.count(f"func steps{i}(") for i in range(4)] == [1, 1, 1, 0]


def test_names():
    bundle = bundle_of("oddly_named", "class.1-b")
    paths = [f["path"] for f in bundle.manifest["files"]]
    assert "host/swift/Class1BModel.swift" in paths
    text = text_of(bundle)
    assert "public final class Class1BModel {" in text and text.isascii()


def test_refused_bundles():
    with pytest.raises(UsageError, match="the host swift has nothing to run: the model has no"):
        bundle_of("places")
