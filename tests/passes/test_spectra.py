"""Magnitudes of Fourier transforms become products; other transforms stay."""

from __future__ import annotations

import numpy as np
import pytest

from support.graphs import graph_of
from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.graph.ops.complex_abs import ComplexAbs
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.ops.rfft2d import Rfft2d
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.passes.spectra import Spectra
from tflgpuc.targets import load_target

TARGET = load_target("generic-gles31")


def transform(shape: tuple[int, ...], height: int, width: int) -> Value:
    return Rfft2d(input=runtime(*shape), fft_length=constant([height, width])).result


@pytest.mark.parametrize("shape", [(1, 64), (3, 1, 64), (2, 2, 5, 70), (4, 1, 20)])
def test_magnitudes_become_products(shape: tuple[int, ...]) -> None:
    made = transform(shape, 1, 64)
    graph = graph_of(ComplexAbs(input=made))
    lowered = Spectra().run(graph, TARGET)
    assert not any(v.type.dtype == "c64" for op in lowered.ops for v in op.results)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    np.testing.assert_allclose(lowered.evaluate([x])[0], graph.evaluate([x])[0], atol=1e-4)


def test_reshapes_in_between_are_one() -> None:
    made = transform((6, 1, 16), 1, 16)
    magnitudes = ComplexAbs(input=Reshape(tensor=made, new_shape=(2, 3, 9)).result)
    lowered = Spectra().run(graph_of(magnitudes), TARGET)
    assert lowered.outputs[0].type.shape == (2, 3, 9)
    assert "tfl.complex_abs" not in [op.name for op in lowered.ops]


@pytest.mark.parametrize(("height", "width"), [(4, 8), (1, 2048)])
def test_other_transforms_stay(height: int, width: int) -> None:
    graph = graph_of(ComplexAbs(input=transform((4, 8), height, width)))
    assert Spectra().run(graph, TARGET) is graph
