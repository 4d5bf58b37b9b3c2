"""The Objective-C++ host: compiled as Apple's clang does, run on GNUstep, equal to the Metal runner."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

import support.host_models as small
from support.cpp_driver import FAKE_TFLITE
from support.objc_driver import (
    ARC,
    Program,
    build,
    compile_objc,
    host_of,
    why_not,
    why_not_compile,
)
from tflgpuc.backends.bundle import Bundle
from tflgpuc.driver import compile
from tflgpuc.ir.errors import UsageError

MODELS = ("conv", "types", "passing_through", "states", "oddly_named")
WITH_SEGMENTS = ("doubles", "states_across")
runs = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


def bundle_of(name: str, space: str = "small") -> Bundle:
    target = small.TARGET if name in WITH_SEGMENTS else small.DEFAULT
    return compile(getattr(small, name)(), target=target, hosts=("objc",), name=space)


def check(program: Program, tmp_path: Path, runs: int = 1) -> list[str]:
    inputs = small.inputs_of(program.bundle)
    outputs, lines = program.run(inputs, tmp_path, runs)
    with program.bundle.runner("msl") as runner:
        for _ in range(runs):
            expected = runner.run(inputs)
    for name, array in expected.items():
        np.testing.assert_array_equal(outputs[name], array, name)
    assert "closed the model is closed" in lines
    return [line for line in lines if line.startswith("gpu ")]


@runs
@pytest.mark.parametrize("name", MODELS)
def test_a_small_model(name, tmp_path):
    assert set(check(build(bundle_of(name), tmp_path), tmp_path)) == {"gpu same"}


@runs
def test_states_are_kept(tmp_path):
    check(build(bundle_of("states"), tmp_path), tmp_path, runs=3)


@runs
def test_segments_run_between_dispatches(tmp_path):
    """Its segment gives what it gets, as the stand-in for TensorFlow Lite does."""
    pytest.importorskip("ai_edge_litert", reason="the runner needs it")
    bundle = bundle_of("doubles")
    kinds = [step["type"] for step in bundle.manifest["steps"]]
    assert "dispatch" in kinds[: kinds.index("segment")]
    assert check(build(bundle, tmp_path), tmp_path, runs=2) == ["gpu same", "gpu same"]


@runs
def test_a_segment_that_fails(tmp_path):
    program = build(bundle_of("doubles"), tmp_path)
    (segment,) = (program.folder / "cpu").iterdir()
    segment.write_bytes(b"nonsense")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        program.run(small.inputs_of(program.bundle), tmp_path)
    assert caught.value.stderr == "cpu/segment_0.tflite: TensorFlow Lite can't read it\n"


def test_a_bundle_without_segments_has_no_glue():
    names = [f["path"] for f in bundle_of("conv").manifest["files"]]
    assert [n for n in names if "objc" in n] == [
        "host/objc/SmallModel.h",
        "host/objc/SmallModel.mm",
    ]


@runs
def test_states_that_change_sides(tmp_path):
    pytest.importorskip("ai_edge_litert", reason="the runner needs it")
    assert check(build(bundle_of("states_across"), tmp_path), tmp_path, runs=3) == ["gpu same"] * 2


@runs
def test_a_real_model(models, tmp_path):
    """Its launches without a barrier between them run in the wrong order."""
    bundle = compile(models["face_detection_short_range"], hosts=("objc",))
    assert check(build(bundle, tmp_path), tmp_path) == ["gpu same", "gpu same"]


@pytest.mark.skipif(why_not_compile() is not None, reason=str(why_not_compile()))
@pytest.mark.parametrize("name", [*MODELS, *WITH_SEGMENTS])
def test_it_compiles_with_reference_counting(name, tmp_path):
    folder = bundle_of(name).save(tmp_path / "bundle")
    for source in (folder / "host" / "objc").glob("*.mm"):
        compile_objc([*ARC, f"-I{FAKE_TFLITE}", str(source)])


@runs
def test_what_goes_wrong(tmp_path):
    program = build(bundle_of("conv"), tmp_path)
    inputs = small.inputs_of(program.bundle)

    def message(**environment: str) -> str:
        with pytest.raises(subprocess.CalledProcessError) as caught:
            program.run(inputs, tmp_path, **environment)
        assert caught.value.returncode == 1
        return str(caught.value.stderr)

    assert message(METAL_THREADS="8") == "conv_2d_4x3x5: too many threads for this device\n"
    weights, source = program.folder / "weights.bin", program.folder / "msl" / "small.metal"
    text, whole = source.read_text(), weights.read_bytes()
    weights.write_bytes(whole[:-1])
    assert message() == "weights.bin isn't this model's\n"
    weights.unlink()
    assert message() == "can't read weights.bin\n"
    source.write_text(f"{text}nonsense")
    refusal = "the stand-in refuses to compile msl/small.metal: what does nonsense mean?\n"
    assert message() == refusal
    source.unlink()
    assert message().startswith("can't read msl/small.metal")


# --- the text ---


def test_names():
    assert host_of(bundle_of("conv", "class.1-b")) == "Class1B"
    assert host_of(bundle_of("conv")) == "Small"


def test_refused_bundles():
    with pytest.raises(UsageError, match="the host objc has nothing to run: the model has no"):
        bundle_of("places")
    with pytest.raises(UsageError, match="the host needs msl: add it to --emit"):
        compile(small.conv(), hosts=("objc",), emit=("glsl",))
