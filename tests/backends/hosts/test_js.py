"""The JavaScript host, in a headless Chromium, equal to the interpreter; its text and its types."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import support.host_models as small
from tflgpuc.backends.bundle import Bundle
from tflgpuc.backends.runtime.browser import shared_browser
from tflgpuc.backends.runtime.browser_runner import BrowserRunner
from tflgpuc.driver import compile
from tflgpuc.ir.errors import DeviceError, UsageError

MODELS = ("conv", "types", "passing_through", "states", "oddly_named")


@pytest.fixture(scope="module")
def browser() -> None:
    try:
        shared_browser()
    except DeviceError as error:
        pytest.skip(str(error))


def bundle_of(model: bytes, **options: Any) -> Bundle:
    """The model for WebGPU, with its host."""
    options = {"emit": ("glsl", "wgsl"), "hosts": ("js",), "name": "small", **options}
    return compile(model, **options)


def same(made: dict[str, Any], right: dict[str, Any]) -> None:
    assert list(made) == list(right)
    for name, array in right.items():
        assert made[name].dtype == array.dtype
        np.testing.assert_allclose(made[name], array, rtol=1e-5, atol=1e-5, err_msg=name)


def runner_of(bundle: Bundle) -> BrowserRunner:
    runner = bundle.runner("chromium")
    assert isinstance(runner, BrowserRunner)
    return runner


@pytest.mark.usefixtures("browser")
@pytest.mark.parametrize("precision", ["f32", "f16"])
@pytest.mark.parametrize("name", MODELS)
def test_a_small_model(name: str, precision: str) -> None:
    bundle = bundle_of(getattr(small, name)(), precision=precision)
    inputs = small.inputs_of(bundle)
    with bundle.runner("interpreter") as right, runner_of(bundle) as runner:
        for _ in range(3):
            same(runner.run(inputs), right.run(inputs))
        right.reset()
        runner.reset()
        same(runner.run(inputs), right.run(inputs))


@pytest.mark.usefixtures("browser")
@pytest.mark.parametrize("name", ["doubles", "states_across"])
def test_segments_are_run_by_litert(name: str) -> None:
    pytest.importorskip("ai_edge_litert")
    bundle = compile(
        getattr(small, name)(),
        target=small.TARGET,
        emit=("glsl", "wgsl"),
        hosts=("js",),
        name="small",
    )
    assert any(step["type"] == "segment" for step in bundle.manifest["steps"])
    inputs = small.inputs_of(bundle)
    with bundle.runner("interpreter") as right, runner_of(bundle) as runner:
        for _ in range(3):
            same(runner.run(inputs), right.run(inputs))


@pytest.mark.usefixtures("browser")
def test_a_result_of_a_size_that_the_run_finds() -> None:
    pytest.importorskip("ai_edge_litert")
    bundle = bundle_of(small.places())
    with runner_of(bundle) as runner:
        made = runner.run({"x": np.array([1, 0, 0, 1, 1, 0], bool)})
    np.testing.assert_array_equal(made["places"], [[0], [3], [4]])


STATES_ON_GPU = """async (inputs) => {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const given = {};
  for (const [name, array] of Object.entries(arraysOf(inputs))) {
    given[name] = model.device.createBuffer({ size: 65536, usage });
    model.device.queue.writeBuffer(given[name], 0, array);
  }
  for (let i = 0; i < 2; i++) await model.runOnGpu(given, {});
  return Object.entries(await model.run(arraysOf(inputs))).map(([n, a]) => [n, textOf(a)]);
}"""


@pytest.mark.usefixtures("browser")
def test_states_of_the_cpus_side_advance_on_buffers_too() -> None:
    pytest.importorskip("ai_edge_litert")
    bundle = bundle_of(small.states_across(), target=small.TARGET)
    inputs = small.inputs_of(bundle)
    with bundle.runner("interpreter") as right, runner_of(bundle) as runner:
        for _ in range(3):
            expected = right.run(inputs)
        made = dict(runner.page.evaluate(STATES_ON_GPU, runner._packed(inputs)))
        for port in bundle.manifest["outputs"]:
            array = runner._array(port, made[port["name"]])
            np.testing.assert_allclose(array, expected[port["name"]], rtol=1e-5, atol=1e-5)


ON_GPU = """async (inputs) => {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const made = (size) => model.device.createBuffer({ size: Math.ceil(size / 4) * 4, usage });
  const { Model } = await import(MODULE);
  const given = {}, outputs = {};
  for (const [name, array] of Object.entries(arraysOf(inputs))) {
    given[name] = made(65536);
    const whole = new Uint8Array(Math.ceil(array.byteLength / 4) * 4);
    whole.set(new Uint8Array(array.buffer));
    model.device.queue.writeBuffer(given[name], 0, whole);
  }
  for (const { name } of Model.outputs) outputs[name] = made(65536);
  await model.runOnGpu(given, outputs);
  const read = [];
  for (const { name, shape } of Model.outputs) {
    const count = shape.reduce((a, b) => a * b, 1);
    const reading = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const staging = model.device.createBuffer({ size: 65536, usage: reading });
    const encoder = model.device.createCommandEncoder();
    encoder.copyBufferToBuffer(outputs[name], 0, staging, 0, 65536);
    model.device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    read.push([name, textOf(new Float32Array(staging.getMappedRange().slice(0, 4 * count)))]);
  }
  return read;
}"""


@pytest.mark.usefixtures("browser")
def test_on_buffers_of_the_app() -> None:
    bundle = bundle_of(small.conv())
    inputs = small.inputs_of(bundle)
    with bundle.runner("interpreter") as right, runner_of(bundle) as runner:
        expected = right.run(inputs)
        script = ON_GPU.replace("MODULE", '"/host/js/small.js"')
        for _ in range(2):
            made = runner.page.evaluate(script, runner._packed(inputs))
            for (name, text), port in zip(made, bundle.manifest["outputs"], strict=True):
                assert name == port["name"]
                np.testing.assert_allclose(
                    runner._array(port, text), expected[name], rtol=1e-5, atol=1e-5
                )


@pytest.mark.usefixtures("browser")
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("model.run({})", "image: nothing, not Float32Array"),
        ("model.run({ image: new Float32Array(3) })", "image: 3 elements, not 84"),
        ("model.run({ picture: 1 })", "there is no picture; there are image"),
        ("model.run({ image: [1, 2] })", "image: Array, not Float32Array"),
        ("(model.close(), model.reset())", "the model is closed"),
    ],
)
def test_errors_name_what_is_wrong(script: str, message: str) -> None:
    with runner_of(bundle_of(small.conv())) as runner, pytest.raises(DeviceError) as caught:
        runner.page.evaluate(f"async () => {script}")
    assert message in str(caught.value)


@pytest.mark.usefixtures("browser")
def test_a_refused_shader_comes_with_the_drivers_log(tmp_path: Path) -> None:
    bundle = bundle_of(small.conv())
    folder = bundle.save(tmp_path / "bundle")
    shader = next((folder / "wgsl").iterdir())
    shader.write_text(shader.read_text().replace("fn main(", "fn main(nonsense "))
    from tflgpuc.backends.bundle import load

    with pytest.raises(DeviceError) as caught:
        load(folder, check=False).runner("chromium")
    assert f"{shader.stem}: the driver refuses it:" in str(caught.value)


@pytest.mark.usefixtures("browser")
def test_times_of_steps() -> None:
    bundle = bundle_of(small.conv())
    with runner_of(bundle) as runner:
        found = runner.profile(small.inputs_of(bundle))
    steps = [s for s in bundle.manifest["steps"] if s["type"] == "dispatch"]
    assert [t.program for t in found] in ([], [s["program"] for s in steps])
    assert all(t.seconds >= 0 for t in found)


def test_a_bundle_without_wgsl_is_refused() -> None:
    with pytest.raises(UsageError, match="the host needs wgsl: add it to --emit"):
        bundle_of(small.conv(), emit=("glsl",))


@pytest.mark.parametrize("name", ["conv", "states", "doubles"])
def test_the_syntax_and_the_types(name: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    target = {"target": small.TARGET} if name == "doubles" else {}
    bundle = bundle_of(getattr(small, name)(), **target)
    folder = bundle.save(tmp_path / "bundle") / "host" / "js"
    module = shutil.copy(folder / "small.js", tmp_path / "small.mjs")
    subprocess.run([node, "--check", module], check=True)
    for compiler in (shutil.which("tsc"),):
        if compiler is not None:
            types = folder / "small.d.ts"
            text = types.read_text().replace('/// <reference types="@webgpu/types" />\n', "")
            stubs = "interface GPUDevice {}\ninterface GPUBuffer {}\n"
            types.write_text(stubs + text)
            subprocess.run([compiler, "--noEmit", "--strict", str(types)], check=True)


@pytest.mark.parametrize("name", ["conv", "states"])
def test_the_text(name: str, golden: Any) -> None:
    bundle = bundle_of(getattr(small, name)())
    golden(f"hosts/{name}.js", bundle.text("host/js/small.js"))
    golden(f"hosts/{name}.d.ts", bundle.text("host/js/small.d.ts"))
