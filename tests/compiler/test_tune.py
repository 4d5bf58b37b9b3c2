"""The choice among a kernel's variants: explained, measured, and made by what was measured."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace

import jsonschema
import numpy as np
import pytest
import tflite

import tflgpuc
from gles_process import missing
from support.small_models import conv_model
from support.tflite_writer import Operator, Subgraph, Table, Tensor, write
from tflgpuc.fitting import Sample, fitted, nonnegative, rank_correlation, samples
from tflgpuc.ir.errors import UsageError
from tflgpuc.ir.tuning import Tuning
from tflgpuc.passes.cost import predict
from tflgpuc.targets import load_target, schema, target_names, target_text
from tflgpuc.tuning import Device, Subject, subjects, tune
from tflgpuc.tuning_cache import Measurement, load_tuning, read_cache, write_cache

TARGET = "llvmpipe"
SAME = {
    "padding": tflite.Padding.SAME,
    "stride_w": 1,
    "stride_h": 1,
    "dilation_w_factor": 1,
    "dilation_h_factor": 1,
}
RNG = np.random.default_rng(11)


def explained(model, **options):
    told = tflgpuc.Explanation()
    tflgpuc.compile(model, target=TARGET, explanation=told, **options)
    return told


def separable(size=8, channels=16):
    """A 3x3 convolution, then a depthwise one whose result only a pointwise one reads."""
    shapes = {
        "full": (channels, 3, 3, channels),
        "depthwise": (1, 3, 3, channels),
        "pointwise": (channels, 1, 1, channels),
    }
    place = (1, size, size, channels)
    tensors = [Tensor("x", place)]
    for name, shape in shapes.items():
        data = RNG.standard_normal(shape).astype(np.float32)
        bias = np.zeros(channels, np.float32)
        tensors += [
            Tensor(f"{name}_filter", shape, data=data),
            Tensor(f"{name}_bias", bias.shape, data=bias),
            Tensor(f"{name}_result", place),
        ]
    conv, depthwise = Table("Conv2DOptions", SAME), {**SAME, "depth_multiplier": 1}
    operators = [
        Operator("CONV_2D", (0, 1, 2), (3,), conv),
        Operator("DEPTHWISE_CONV_2D", (3, 4, 5), (6,), Table("DepthwiseConv2DOptions", depthwise)),
        Operator("CONV_2D", (6, 7, 8), (9,), conv),
    ]
    return write(Subgraph(tensors, operators, (0,), (9,)))


def made_up(found: list[Subject], favourite: int) -> Tuning:
    """Times by which the variant at one place of each list is the fastest."""
    seconds = {}
    for subject in found:
        best = favourite % len(subject.keys)
        for i, (key, candidate) in enumerate(zip(subject.keys, subject.candidates, strict=True)):
            seconds[key] = (1e-3 if i == best else 2e-3,) * len(candidate.costs)
    return Tuning("a test", seconds)


def test_candidates_are_listed_and_the_first_is_chosen():
    (kernel,) = explained(write(conv_model())).kernels()
    variants = kernel["candidates"]
    assert len(variants) > 1
    assert kernel["sources"] == ["0 conv_2d", "1 logistic"]
    assert variants == sorted(variants, key=lambda v: v["predicted_us"])
    assert "estimated fastest" in kernel["reason"]
    for v in variants:
        work = v["arithmetic_us"] + v["storage_us"] + v["shared_us"]
        assert v["predicted_us"] == pytest.approx(v["launch_us"] + v["idle"] * work)
        assert v["measured_us"] is None


def test_refusals_name_operators_and_reasons():
    told = explained(separable())
    rules = {r["rule"]: r for r in told.refusals()}
    assert rules["by_winograd"]["ops"]
    assert all(r["reason"] and r["would"] for r in rules.values())
    # What was only compared is measured by tune, too.
    roots = {op.root.name for op in told.considered()}
    assert {"tfl.conv_2d", "tfl.depthwise_conv_2d"} <= roots
    assert len(told.launched()) <= len(told.considered())


def test_explanations_change_nothing():
    model = separable()
    told = tflgpuc.Explanation()
    plain = tflgpuc.compile(model, target=TARGET)
    assert tflgpuc.compile(model, target=TARGET, explanation=told).manifest == plain.manifest


def test_measurements_change_the_choice_and_equal_ones_give_equal_bundles():
    model = write(conv_model())
    found = subjects(explained(model).considered(), load_target(TARGET))
    (subject,) = found
    tuning = made_up(found, favourite=2)
    told = explained(model, tuning=tuning)
    (kernel,) = told.kernels()
    assert kernel["candidates"][0]["variant"] == str(subject.candidates[2].variant)
    assert kernel["candidates"][0]["measured_us"] == pytest.approx(1e3)
    assert "measured fastest" in kernel["reason"]
    one = tflgpuc.compile(model, target=TARGET, tuning=tuning)
    two = tflgpuc.compile(model, target=TARGET, tuning=made_up(found, favourite=2))
    assert one.manifest == two.manifest != tflgpuc.compile(model, target=TARGET).manifest


def test_measurements_of_only_some_variants_decide_nothing():
    model = write(conv_model())
    found = subjects(explained(model).considered(), load_target(TARGET))
    some = dict(list(made_up(found, favourite=1).seconds.items())[1:])
    (kernel,) = explained(model, tuning=Tuning("a test", some)).kernels()
    assert kernel["candidates"] == explained(model).kernels()[0]["candidates"]


@pytest.mark.parametrize("together", [True, False])
def test_measurements_decide_what_is_joined(together):
    model = separable()
    found = subjects(explained(model).considered(), load_target(TARGET))
    joined = [s for s in found if len(s.op.computing) > 1 and s.op.before]
    assert joined, "joining was considered"
    seconds = {}
    for subject in found:
        takes = 1e-3 if (subject in joined) == together else 5e-3
        for key, candidate in zip(subject.keys, subject.candidates, strict=True):
            seconds[key] = (takes,) * len(candidate.costs)
    told = explained(model, tuning=Tuning("a test", seconds))
    sources = [k["sources"] for k in told.kernels()]
    assert (["1 depthwise_conv_2d", "2 conv_2d"] in sources) == together


@pytest.mark.parametrize(
    "device", [Device("interpreter"), Device("gles", {"library": "system"})], ids=lambda d: d.name
)
def test_tune_measures_every_variant_once(device, tmp_path):
    if device.name == "gles" and missing("system"):
        pytest.skip(str(missing("system")))
    model, cache = separable(size=4, channels=8), tmp_path / "cache" / "tuning.json"
    target = load_target(TARGET)
    found = subjects(explained(model).considered(), target)
    asked = []
    measured = tune(
        found,
        device,
        {},
        lambda rows: write_cache(cache, rows.values()),
        lambda what, done, total: asked.append(what),
        repetitions=1,
    )
    assert asked == [str(s) for s in found]
    assert len(measured) == sum(len(s.keys) for s in found)
    assert read_cache(cache) == measured
    tuning = load_tuning(cache, target)
    assert tuning.driver == device.driver()
    assert all(k["candidates"][0]["measured_us"] for k in explained(model, tuning=cache).kernels())
    # Nothing is left to measure.
    assert tune(found, device, measured, lambda rows: pytest.fail("measured again")) == measured


def test_devices_that_only_run_whole_bundles_are_refused():
    with pytest.raises(UsageError, match="chromium; but on gles, interpreter"):
        _ = Device("chromium").language


def test_times_measured_again_only_get_shorter():
    found = subjects(explained(write(conv_model())).considered(), load_target(TARGET))
    device = Device("interpreter")
    known = {
        (device.driver(), key): Measurement(device.driver(), key, "", "", (1e-12,))
        for key in found[0].keys
    }
    measured = tune(found, device, known, lambda rows: None, repetitions=1, again=True)
    assert {m.seconds for m in measured.values()} == {(1e-12,)}


def test_tuned_bundles_compute_the_same(cli, model, tmp_path):
    cache, out = tmp_path / "tuning.json", tmp_path / "out"
    options = ("--target", TARGET, "--device", "interpreter", "--repetitions", 1)
    written = tmp_path / "mine.toml"
    status, text, _ = cli(
        "tune", model, *options, "--cache", cache, "--write-target", written, "--json"
    )
    found = json.loads(text)
    assert status == 0
    (row,) = found["rows"]
    assert row["gain"] >= 1
    assert row["measured_best"] in {v["variant"] for v in row["variants"]}
    assert "rank correlation" in cli("tune", model, *options, "--cache", cache)[1]
    compiling = (model, "-o", out, "--target", TARGET, "--tuned", cache, "--explain")
    status, text, _ = cli(*compiling, "--json")
    best = json.loads(text)["kernels"][0]["candidates"][0]
    assert (status, best["variant"]) == (0, row["measured_best"])
    assert "measured fastest" in cli(*compiling)[1]
    assert cli("verify", model, out)[0] == 0
    # The target keeps its limits, so that measurements hold for it, too.
    assert cli(model, "-o", out, "--target", written, "--tuned", cache)[0] == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format": "tflgpuc-tuning", "version": 99, "measured": []}',
        '{"format": "tflgpuc-tuning", "version": 1, "measured": [{"key": "a"}]}',
        '{"format": "tflgpuc-tuning", "version": 1, "measured": [{"driver": "d", "key": "k", '
        '"op": "", "variant": "", "seconds": [-1]}]}',
    ],
)
def test_a_broken_cache_is_one_error(cli, model, tmp_path, text):
    cache, out = tmp_path / "tuning.json", tmp_path / "out"
    cache.write_text(text)
    status, _, err = cli(model, "-o", out, "--tuned", cache)
    assert (status, len(err.splitlines())) == (2, 1)
    assert str(cache) in err
    assert "remove it to measure anew" in err
    assert not out.exists()
    assert cache.read_text() == text


def test_times_of_another_version_count_as_none(tmp_path):
    cache = tmp_path / "tuning.json"
    write_cache(cache, [Measurement("d", "key", "", "", (1.0,))])
    assert len(read_cache(cache)) == 1
    found = json.loads(cache.read_text())
    cache.write_text(json.dumps({**found, "compiler": "0.0.0"}))
    assert read_cache(cache) == {}


def test_a_cache_of_several_drivers_needs_one_named(cli, model, tmp_path):
    cache, target = tmp_path / "tuning.json", load_target(TARGET)
    found = subjects(explained(write(conv_model())).considered(), target)
    rows = [Measurement(d, key, "", "", (1.0,)) for d in ("A 1", "B 2") for key in found[0].keys]
    write_cache(cache, rows)
    with pytest.raises(UsageError, match="name one of these drivers: A 1; B 2"):
        load_tuning(cache, target)
    assert load_tuning(cache, target, "B").driver == "B 2"
    status, _, err = cli(model, "-o", tmp_path / "out", "--target", TARGET, "--tuned", cache)
    assert (status, "name one of these drivers" in err) == (2, True)
    given = ("--target", TARGET, "--tuned", cache, "--tuned-on", "B 2")
    assert cli(model, "-o", tmp_path / "out", *given)[0] == 0
    status, _, err = cli(model, "-o", tmp_path / "out", "--tuned-on", "B")
    assert (status, "goes with --tuned" in err) == (2, True)
    with pytest.raises(UsageError, match="run tflgpuc tune"):
        load_tuning(cache, load_target("apple-a14"))
    with pytest.raises(UsageError, match="no measurements"):
        load_tuning(tmp_path / "none.json", target)


# --- fitting ---


def test_fitted_rates_are_those_that_made_the_times():
    target = load_target(TARGET)
    truth = replace(
        target,
        rates=replace(target.rates, flops=7e9, storage=9e8, texels=3e9, shared=2e8),
        costs=replace(target.costs, launch=3e-6, gpu_bytes=5e9),
    )
    found = subjects(explained(separable(32, 32)).considered(), target)
    times = {
        ("d", key): Measurement("d", key, "", "", (1.0,) * len(c.costs))
        for s in found
        for key, c in zip(s.keys, s.candidates, strict=True)
    }
    kernels = [s.kernel for s in samples(found, times, "d")]
    made = fitted([Sample(k, predict(k, truth).seconds) for k in kernels], target)
    assert made.rates.flops == pytest.approx(7e9, rel=0.02)
    assert made.rates.storage == pytest.approx(9e8, rel=0.02)
    assert made.rates.texels == pytest.approx(3e9, rel=0.02)
    assert made.costs.launch == pytest.approx(3e-6, rel=0.02)
    assert made.costs.gpu_bytes == pytest.approx(5e9, rel=0.05)
    assert made.rates.registers == target.rates.registers


def test_nonnegative_least_squares():
    table = RNG.uniform(0, 1, (30, 4))
    exact = np.array([0.0, 2.0, 0.0, 0.5])
    np.testing.assert_allclose(nonnegative(table, table @ exact), exact, atol=1e-9)
    against = nonnegative(table, table @ np.array([1.0, -1.0, 0.0, 2.0]))
    assert (against >= 0).all()
    np.testing.assert_array_equal(nonnegative(np.zeros((3, 2)), np.ones(3)), [0, 0])


def test_rank_correlation():
    assert rank_correlation([1, 2, 3], [10, 20, 21]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert rank_correlation([1, 1, 1], [3, 2, 1]) == rank_correlation([], []) == 0
    assert rank_correlation([1, 1, 2], [1, 2, 3]) == pytest.approx(0.866, abs=1e-3)


# --- targets from files ---


@pytest.mark.parametrize("name", target_names())
def test_targets_are_written_as_they_are_read(name, tmp_path):
    target = load_target(name)
    text = target_text(target)
    jsonschema.validate(tomllib.loads(text), schema())
    path = tmp_path / f"{name}.toml"
    path.write_text(text)
    assert load_target(str(path)) == target


def test_a_target_s_file(cli, model, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(target_text(replace(load_target(TARGET), description="mine")))
    assert cli(model, "-o", tmp_path / "out", "--target", path)[0] == 0
    assert tflgpuc.load(tmp_path / "out").manifest["target"] == "mine"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: "wave = [", "Invalid value"),
        (lambda text: text.replace("wave = 8\n", ""), "'wave' is a required property"),
        (lambda text: text.replace("wave = 8\n", "wave = 0\n"), "$.wave: 0 is less than"),
        (lambda text: text.replace("[rates]\n", "[rates]\nspeed = 1\n"), "$.rates: Additional"),
        (lambda text: text.replace("[[8, 4], ", "[[8], "), "$.prefer.tiles[0]"),
    ],
)
def test_a_wrong_target_s_file_is_one_error(cli, model, tmp_path, change, said):
    path = tmp_path / "mine.toml"
    path.write_text(change(target_text(load_target(TARGET))))
    status, _, err = cli(model, "-o", tmp_path / "out", "--target", path)
    assert (status, len(err.splitlines())) == (2, 1)
    assert str(path) in err
    assert said in err


def test_a_missing_target_s_file(cli, model, tmp_path):
    status, _, err = cli(model, "-o", tmp_path / "out", "--target", tmp_path / "no.toml")
    assert (status, "No such file" in err) == (2, True)
