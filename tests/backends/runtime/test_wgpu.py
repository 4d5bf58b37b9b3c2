"""WebGPU as a device: what it refuses, and bundles on it."""

from __future__ import annotations

import numpy as np
import pytest

from support.small_models import conv_model
from support.tflite_writer import write
from support.webgpu import webgpu
from tflgpuc.backends.bundle import Bundle
from tflgpuc.driver import compile
from tflgpuc.ir.errors import BundleError, DeviceError

COPY = """\
@group(0) @binding(0) var<storage, read> src: array<f32>;
@group(0) @binding(1) var<storage, read_write> dst: array<f32>;
@compute @workgroup_size(4)
fn main(@builtin(global_invocation_id) gid: vec3u) { dst[gid.x] = src[gid.x] + 1.0; }
"""
FOUR = np.arange(4, dtype=np.float32)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return compile(write(conv_model()), target="webgpu", emit=["glsl", "wgsl"])


def test_what_the_driver_says_of_a_module() -> None:
    with pytest.raises(DeviceError, match=r"(?s)broken: .* refuses it: .*nothing"):
        webgpu().compile("broken", COPY.replace("src[gid.x]", "nothing"))


def test_a_buffer_both_read_and_written_is_refused() -> None:
    device = webgpu()
    pipeline = device.compile("copy", COPY)
    buffer = device.buffer(512)
    device.dispatch(
        pipeline, device.bind(pipeline, [(buffer, 0, 16), (buffer, 256, 16)]), (1, 1, 1)
    )
    with pytest.raises(DeviceError, match="conflicting usages"):
        device.finish()


def test_later_dispatches_see_what_earlier_ones_wrote() -> None:
    device = webgpu()
    pipeline = device.compile("copy", COPY)
    a, b = device.buffer(16, FOUR.view(np.uint8)), device.buffer(16)
    there = device.bind(pipeline, [(a, 0, 16), (b, 0, 16)])
    back = device.bind(pipeline, [(b, 0, 16), (a, 0, 16)])
    for _ in range(3):
        device.dispatch(pipeline, there, (1, 1, 1))
        device.dispatch(pipeline, back, (1, 1, 1))
    np.testing.assert_array_equal(device.read(a, 0, 16).view(np.float32), FOUR + 6)


def test_a_write_waits_for_the_dispatches_before_it() -> None:
    device = webgpu()
    pipeline = device.compile("copy", COPY)
    a, b = device.buffer(16, FOUR.view(np.uint8)), device.buffer(16)
    device.dispatch(pipeline, device.bind(pipeline, [(a, 0, 16), (b, 0, 16)]), (1, 1, 1))
    device.write(a, 0, np.zeros(16, np.uint8))
    np.testing.assert_array_equal(device.read(b, 0, 16).view(np.float32), FOUR + 1)


def test_bytes_that_fill_no_word() -> None:
    device = webgpu()
    buffer = device.buffer(7)
    device.write(buffer, 0, np.arange(1, 8, dtype=np.uint8))
    assert device.read(buffer, 0, 7).tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert device.read(buffer, 4, 3).tolist() == [5, 6, 7]


def test_a_bundle_computes_what_it_does_elsewhere(bundle: Bundle) -> None:
    webgpu()
    image = np.random.default_rng(0).uniform(-1, 1, (1, 6, 7, 2)).astype(np.float32)
    with bundle.runner("wgpu") as there, bundle.runner() as here:
        for factor in (1, -2):
            given = {"image": image * np.float32(factor)}
            made, right = there.run(given), here.run(given)
            np.testing.assert_allclose(made["scores"], right["scores"], atol=1e-6)


def test_each_step_has_its_time(bundle: Bundle) -> None:
    webgpu()
    with bundle.runner("wgpu") as runner:
        found = runner.profile({"image": np.zeros((1, 6, 7, 2), np.float32)})
    assert len(found) == len(bundle.manifest["steps"])
    assert all(0 <= step.seconds < 10 for step in found)


def test_a_bundle_without_wgsl() -> None:
    with pytest.raises(BundleError, match="compiled without wgsl"):
        compile(write(conv_model())).runner("wgpu")
