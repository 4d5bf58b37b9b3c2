"""Weights that GLSL reads from a texture: printed, read back, and run on a driver."""

from __future__ import annotations

import numpy as np
import pytest

import support.host_models as small
from gles_process import missing
from tflgpuc.backends.glsl import print_glsl
from tflgpuc.backends.glsl.reader import read
from tflgpuc.backends.glsl.texels import multiple
from tflgpuc.driver import compile
from tflgpuc.ir.errors import UsageError
from tflgpuc.ir.shader import F32X4, Builder, Kernel
from tflgpuc.ir.shader.interpret import interpret

ROW = 16


def sums(storage: str) -> Kernel:
    """Each invocation adds four neighbours and one vec4 that lies anywhere."""
    k = Builder("sums")
    weights = k.buffer("weights", F32X4, 0, storage=storage, row=ROW)
    dst = k.buffer("dst", F32X4, 10, "write")
    first = k.let("first", k.gid(0) * 4)
    with k.when(k.gid(0) < 10):
        total = weights[first] + weights[first + 1] + weights[first + 2] + weights[first + 3]
        k.store(dst, k.gid(0), total + weights[k.gid(0) + 7] + weights[18])
    return k.done((10, 1, 1), (8, 1, 1))


@pytest.mark.parametrize("storage", ["f32", "f16"])
def test_the_text_computes_what_the_kernel_does(storage: str) -> None:
    kernel = sums(storage)
    text = print_glsl(kernel)
    assert f"sampler2D weights; // binding 0: {storage}, {ROW} to a row" in text
    assert "int first_column = first & 15;" in text
    assert "texelFetch(weights, ivec2(first_column + 3, first_row), 0)" in text
    assert "texelFetch(weights, ivec2(2, 1), 0)" in text
    again = read(text)
    assert [(b.name, b.row, b.storage) for b in again.buffers] == [
        (b.name, b.row, b.storage) for b in kernel.buffers
    ]
    data = np.random.default_rng(0).uniform(-1, 1, (40, 4))
    given = data.astype(np.float16 if storage == "f16" else np.float32)
    results = []
    for each in (kernel, again):
        made = np.zeros((10, 4), np.float32)
        bound = {"weights": given.copy(), "dst": made}
        interpret(each, {name: a.reshape(-1).view(np.uint8) for name, a in bound.items()})
        results.append(made)
    np.testing.assert_array_equal(*results)
    places = np.arange(10)
    wide = given.astype(np.float32)
    right = sum(wide[places * 4 + i] for i in range(4)) + wide[places + 7] + wide[18]
    np.testing.assert_allclose(results[0], right, rtol=1e-6)


def test_what_divides_an_index() -> None:
    k = Builder("index")
    a = k.gid(0)
    assert multiple((a + 3) * 8, {}) == 8
    assert multiple(a * 12 + 16, {}) == 4
    assert multiple(a + 16, {}) == 1
    assert multiple(a << 4, {}) == 16


@pytest.mark.parametrize("precision", ["f32", "f16"])
def test_on_a_driver(precision: str) -> None:
    reason = missing("system")
    if reason:
        pytest.skip(reason)
    bundle = compile(small.conv(), target="llvmpipe", precision=precision)
    assert any("row" in b for p in bundle.manifest["programs"] for b in p["bindings"])
    inputs = small.inputs_of(bundle)
    with bundle.runner("interpreter") as right:
        expected = right.run(inputs)
    for name, array in small.on_gles(bundle, inputs).items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-5, atol=1e-5)


def test_hosts_on_opengl_get_buffers() -> None:
    bundle = compile(small.conv(), target="llvmpipe", hosts=("python",))
    assert not any("row" in b for p in bundle.manifest["programs"] for b in p["bindings"])
    from tflgpuc.backends.hosts import HOSTS

    textures = compile(small.conv(), target="llvmpipe")
    with pytest.raises(UsageError, match="binds no textures"):
        HOSTS["python"](textures.manifest, textures)
