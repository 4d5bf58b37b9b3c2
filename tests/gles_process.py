"""OpenGL ES devices for tests, each in a process of its own: a process can hold one GL library."""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from types import TracebackType
from typing import Any, Self

from tflgpuc.backends.runtime.gles import GlesDevice
from tflgpuc.backends.runtime.gles_library import choose_library
from tflgpuc.ir.errors import DeviceError

LIBRARIES = ("system", "angle-lavapipe", "angle-swiftshader")


def missing(library: str) -> str | None:
    """Why ``library`` can't be used on this machine, or None."""
    if importlib.util.find_spec("OpenGL") is None:
        return "PyOpenGL isn't installed"
    for name in ("EGL", "GLESv2") if library == "system" else ("vulkan",):
        if ctypes.util.find_library(name) is None:
            return f"lib{name} isn't installed"
    try:
        choose_library(library)
    except DeviceError as error:
        return str(error)
    return None


class GlesProcess:
    """A process that holds one open device; leaving the context ends both."""

    def __init__(self, library: str) -> None:
        self._pool = ProcessPoolExecutor(1, get_context("spawn"))
        try:
            self._pool.submit(_open, library).result()
        except BaseException:
            self._pool.shutdown()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.submit(_call, "close", ()).result()
        self._pool.shutdown()

    def get(self, name: str) -> Any:
        """The value of one of the device's attributes."""
        return self._pool.submit(_get, name).result()

    def call(self, method: str, *arguments: object) -> Any:
        """What the device's method returns; what it raises is raised here."""
        return self._pool.submit(_call, method, arguments).result()

    def timed(self, method: str, *arguments: object) -> int | None:
        """``GlesDevice.timed`` of a call of that method."""
        return self._pool.submit(_timed, method, arguments).result()


_device: GlesDevice | None = None


def _open(library: str) -> None:
    global _device
    # Mesa gives no warnings for a shader that it finds in its cache.
    os.environ["MESA_SHADER_CACHE_DISABLE"] = "1"
    _device = GlesDevice(library)


def _get(name: str) -> Any:
    return getattr(_device, name)


def _call(method: str, arguments: tuple[object, ...]) -> Any:
    return getattr(_device, method)(*arguments)


def _timed(method: str, arguments: tuple[object, ...]) -> int | None:
    assert _device is not None
    return _device.timed(lambda: _call(method, arguments))
