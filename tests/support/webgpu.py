"""A WebGPU device for tests, shared by all of them."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from tflgpuc.backends.runtime.wgpu import WgpuDevice
from tflgpuc.ir.errors import DeviceError
from tflgpuc.ir.shader import Kernel

Bytes = NDArray[np.uint8]


@functools.cache
def _opened() -> WgpuDevice | str:
    try:
        return WgpuDevice()
    except DeviceError as error:
        return str(error)


def webgpu() -> WgpuDevice:
    """The device; skips the test, and says why, where there is none."""
    found = _opened()
    if isinstance(found, str):
        pytest.skip(found)
    return found


def launch(kernel: Kernel, text: str, arrays: Sequence[Bytes]) -> None:
    """Runs a printed kernel over buffers of their own; arrays that it writes are overwritten."""
    device = webgpu()
    buffers = [device.buffer(a.size, a) for a in arrays]
    pipeline = _pipeline(kernel.name, text)
    bound = [(b, 0, a.size) for b, a in zip(buffers, arrays, strict=True)]
    device.dispatch(pipeline, device.bind(pipeline, bound), kernel.groups)
    for declared, buffer, array in zip(kernel.buffers, buffers, arrays, strict=True):
        if declared.access != "read":
            array[:] = device.read(buffer, 0, array.size)


@functools.cache
def _pipeline(name: str, text: str) -> object:
    return webgpu().compile(name, text)
