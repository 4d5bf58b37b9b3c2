"""A compute device on OpenGL ES 3.1: programs, buffers, dispatches and GPU times."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tflgpuc.backends.runtime.egl import EglContext, describe
from tflgpuc.backends.runtime.gles_library import choose_library
from tflgpuc.ir.errors import DeviceError

# GL_EXT_disjoint_timer_query; ES 3.0's own query functions take its TIME_ELAPSED target.
_TIME_ELAPSED_EXT = 0x88BF
_GPU_DISJOINT_EXT = 0x8FBB


@dataclass(frozen=True)
class Limits:
    """What the driver allows a compute shader; sizes and alignments in bytes."""

    max_invocations: int
    max_group_size: tuple[int, int, int]
    max_groups: tuple[int, int, int]
    max_storage_blocks: int
    max_storage_bindings: int
    shared_bytes: int
    storage_offset_alignment: int
    max_storage_bytes: int


class GlesDevice:
    """An OpenGL ES 3.1 context and everything made in it; a context manager, for one thread.

    ``library`` and ``icd`` choose the driver as in ``choose_library``. Programs and buffers are GL
    names, alive until ``close()``. ``warnings`` holds (shader's name, log) for every shader that
    compiled with a log. All methods raise DeviceError: before GL is called where a size, offset or
    count is out of range, else with what the driver said.
    """

    def __init__(self, library: str | None = None, icd: str | None = None) -> None:
        self._context = EglContext(choose_library(library, icd))
        self._gl = gl = self._context.gles
        self._sizes: dict[int, int] = {}
        self.warnings: list[tuple[str, str]] = []
        try:
            with self._driver("asking for limits"):
                self.vendor = self._string(gl.GL_VENDOR)
                self.renderer = self._string(gl.GL_RENDERER)
                self.version = self._string(gl.GL_VERSION)
                self.extensions = frozenset(self._string(gl.GL_EXTENSIONS).split())
                self.limits = self._limits()
        except DeviceError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Releases the context with its programs and buffers; a second call does nothing."""
        self._sizes.clear()
        self._context.close()

    def compile(self, name: str, source: str) -> int:
        """The program of one compute shader; a refusal names ``name`` and carries the log."""
        gl = self._gl
        with self._driver(name):
            shader = gl.glCreateShader(gl.GL_COMPUTE_SHADER)
            gl.glShaderSource(shader, source)
            gl.glCompileShader(shader)
            compiled = gl.glGetShaderiv(shader, gl.GL_COMPILE_STATUS)
            self._keep_log(name, "compile", compiled, gl.glGetShaderInfoLog(shader))
            program = int(gl.glCreateProgram())
            gl.glAttachShader(program, shader)
            gl.glLinkProgram(program)
            linked = gl.glGetProgramiv(program, gl.GL_LINK_STATUS)
            self._keep_log(name, "link", linked, gl.glGetProgramInfoLog(program))
            gl.glDeleteShader(shader)
        return program

    def buffer(self, size: int, data: memoryview | bytes | NDArray[Any] | None = None) -> int:
        """A storage buffer of ``size`` bytes that starts with ``data``; the rest is undefined."""
        content = None if data is None else _bytes_of(data)
        if size <= 0:
            raise DeviceError(f"a buffer can't have {size} bytes")
        if content is not None and content.size > size:
            raise DeviceError(f"{content.size} bytes don't fit in a buffer of {size}")
        gl = self._gl
        with self._driver(f"a buffer of {size} bytes"):
            buffer = int(gl.glGenBuffers(1))
            gl.glBindBuffer(gl.GL_COPY_WRITE_BUFFER, buffer)
            gl.glBufferData(gl.GL_COPY_WRITE_BUFFER, size, None, gl.GL_DYNAMIC_COPY)
            self._sizes[buffer] = size
            if content is not None and content.size:
                gl.glBufferSubData(gl.GL_COPY_WRITE_BUFFER, 0, content.size, content)
        return buffer

    def texture(self, data: NDArray[np.uint8], row: int, storage: str) -> int:
        """A texture of vec4s, ``row`` of them to a row, for texelFetch; storage is f32 or f16."""
        gl, width = self._gl, 16 if storage == "f32" else 8
        kind = gl.GL_FLOAT if storage == "f32" else gl.GL_HALF_FLOAT
        count = data.size // width
        rows = -(-count // row)
        with self._driver(f"a texture of {row} x {rows}"):
            texture = int(gl.glGenTextures(1))
            gl.glBindTexture(gl.GL_TEXTURE_2D, texture)
            format = gl.GL_RGBA32F if storage == "f32" else gl.GL_RGBA16F
            gl.glTexStorage2D(gl.GL_TEXTURE_2D, 1, format, row, rows)
            for name in (gl.GL_TEXTURE_MIN_FILTER, gl.GL_TEXTURE_MAG_FILTER):
                gl.glTexParameteri(gl.GL_TEXTURE_2D, name, gl.GL_NEAREST)
            content = np.ascontiguousarray(data[: count * width])
            for first, size, lines in ((0, row, count // row), (count // row, count % row, 1)):
                if size and lines:
                    part = content[first * row * width :][: size * lines * width]
                    gl.glTexSubImage2D(
                        gl.GL_TEXTURE_2D, 0, 0, first, size, lines, gl.GL_RGBA, kind, part
                    )
        return texture

    def use_texture(self, texture: int) -> None:
        """Binds a texture to the unit that shaders read weights from."""
        self._gl.glBindTexture(self._gl.GL_TEXTURE_2D, texture)

    def write(self, buffer: int, offset: int, data: memoryview | bytes | NDArray[Any]) -> None:
        """Copies ``data`` to byte ``offset`` of a buffer."""
        content = _bytes_of(data)
        self._check_range(buffer, offset, content.size)
        gl = self._gl
        with self._driver(f"writing {content.size} bytes to buffer {buffer}"):
            gl.glMemoryBarrier(gl.GL_BUFFER_UPDATE_BARRIER_BIT)
            gl.glBindBuffer(gl.GL_COPY_WRITE_BUFFER, buffer)
            gl.glBufferSubData(gl.GL_COPY_WRITE_BUFFER, offset, content.size, content)

    def read(self, buffer: int, offset: int, size: int) -> NDArray[np.uint8]:
        """A copy of ``size`` bytes from byte ``offset`` of a buffer, after all dispatches."""
        self._check_range(buffer, offset, size)
        gl, target = self._gl, self._gl.GL_COPY_READ_BUFFER
        with self._driver(f"reading {size} bytes of buffer {buffer}"):
            gl.glMemoryBarrier(gl.GL_BUFFER_UPDATE_BARRIER_BIT)
            gl.glBindBuffer(target, buffer)
            address = gl.glMapBufferRange(target, offset, size, gl.GL_MAP_READ_BIT)
            mapped = (ctypes.c_uint8 * size).from_address(int(address))
            content = np.frombuffer(memoryview(mapped), np.uint8).copy()
            gl.glUnmapBuffer(target)
        return content

    def dispatch(
        self,
        program: int,
        bindings: Sequence[tuple[int, int, int, int]],
        groups: tuple[int, int, int],
    ) -> None:
        """Runs ``groups`` work-groups with (binding point, buffer, offset, size) bound.

        Offsets are multiples of ``limits.storage_offset_alignment``.
        """
        for binding in bindings:
            self._check_binding(*binding)
        for count, most in zip(groups, self.limits.max_groups, strict=True):
            if not 0 < count <= most:
                raise DeviceError(f"{groups} work-groups: not within 1..{self.limits.max_groups}")
        gl = self._gl
        with self._driver(f"dispatching program {program} over {groups}"):
            gl.glUseProgram(program)
            for point, buffer, offset, size in bindings:
                gl.glBindBufferRange(gl.GL_SHADER_STORAGE_BUFFER, point, buffer, offset, size)
            gl.glDispatchCompute(*groups)

    def barrier(self) -> None:
        """Lets later dispatches see what earlier ones stored."""
        with self._driver("a memory barrier"):
            self._gl.glMemoryBarrier(self._gl.GL_SHADER_STORAGE_BARRIER_BIT)

    def finish(self) -> None:
        """Waits until the GPU has done everything asked of it."""
        with self._driver("glFinish"):
            self._gl.glFinish()

    def timed(self, work: Callable[[], None]) -> int | None:
        """Runs ``work`` and waits for it; the GPU's nanoseconds, at most 2**32 - 1.

        None where the driver has no timer, was disturbed, or doesn't time compute (Mesa).
        Calls must not be nested.
        """
        if "GL_EXT_disjoint_timer_query" not in self.extensions:
            work()
            self.finish()
            return None
        gl = self._gl
        with self._driver("a timer query"):
            self._integer(_GPU_DISJOINT_EXT)  # asking resets it
            query = int(gl.glGenQueries(1))
            gl.glBeginQuery(_TIME_ELAPSED_EXT, query)
        try:
            work()
        finally:
            with self._driver("a timer query"):
                gl.glEndQuery(_TIME_ELAPSED_EXT)
                elapsed = ctypes.c_uint32()
                gl.glGetQueryObjectuiv(query, gl.GL_QUERY_RESULT, elapsed)
                disturbed = self._integer(_GPU_DISJOINT_EXT)
                gl.glDeleteQueries(1, [query])
        # Mesa's software driver answers 0 or 1 for compute.
        return None if disturbed or elapsed.value <= 1 else elapsed.value

    def _keep_log(self, name: str, step: str, status: int, log: bytes | str) -> None:
        text = log.decode(errors="replace") if isinstance(log, bytes) else log
        text = text.strip("\0 \n")
        if not status:
            raise DeviceError(f"{name}: {self.renderer} refuses to {step} it:\n{text or 'no log'}")
        if text:
            self.warnings.append((name, text))

    def _check_range(self, buffer: int, offset: int, size: int) -> None:
        have = self._sizes.get(buffer)
        if have is None:
            raise DeviceError(f"no buffer {buffer} on this device")
        if offset < 0 or size <= 0 or offset + size > have:
            raise DeviceError(f"buffer {buffer} of {have} bytes has no {size} bytes at {offset}")

    def _check_binding(self, point: int, buffer: int, offset: int, size: int) -> None:
        self._check_range(buffer, offset, size)
        limits = self.limits
        if not 0 <= point < limits.max_storage_bindings:
            raise DeviceError(f"binding {point}: the driver has {limits.max_storage_bindings}")
        if offset % limits.storage_offset_alignment:
            raise DeviceError(
                f"binding {point}: offset {offset} of buffer {buffer} is no multiple of "
                f"{limits.storage_offset_alignment}"
            )
        if size > limits.max_storage_bytes:
            raise DeviceError(
                f"binding {point}: {size} bytes; the driver allows {limits.max_storage_bytes}"
            )

    @contextmanager
    def _driver(self, what: str) -> Iterator[None]:
        """Makes the context current, and GL's errors into DeviceErrors about ``what``."""
        self._context.activate()
        try:
            yield
        except self._context.error as error:
            raise DeviceError(f"{what}: {describe(error)}") from error

    def _limits(self) -> Limits:
        gl = self._gl
        return Limits(
            max_invocations=self._integer(gl.GL_MAX_COMPUTE_WORK_GROUP_INVOCATIONS),
            max_group_size=self._triple(gl.GL_MAX_COMPUTE_WORK_GROUP_SIZE),
            max_groups=self._triple(gl.GL_MAX_COMPUTE_WORK_GROUP_COUNT),
            max_storage_blocks=self._integer(gl.GL_MAX_COMPUTE_SHADER_STORAGE_BLOCKS),
            max_storage_bindings=self._integer(gl.GL_MAX_SHADER_STORAGE_BUFFER_BINDINGS),
            shared_bytes=self._integer(gl.GL_MAX_COMPUTE_SHARED_MEMORY_SIZE),
            storage_offset_alignment=self._integer(gl.GL_SHADER_STORAGE_BUFFER_OFFSET_ALIGNMENT),
            max_storage_bytes=self._integer(gl.GL_MAX_SHADER_STORAGE_BLOCK_SIZE),
        )

    def _integer(self, name: int) -> int:
        value = (ctypes.c_int64 * 1)()
        self._gl.glGetInteger64v(name, value)
        return value[0]

    def _triple(self, name: int) -> tuple[int, int, int]:
        values = [(ctypes.c_int * 1)() for _ in range(3)]
        for axis, value in enumerate(values):
            self._gl.glGetIntegeri_v(name, axis, value)
        return values[0][0], values[1][0], values[2][0]

    def _string(self, name: int) -> str:
        value = ctypes.cast(self._gl.glGetString(name), ctypes.c_char_p).value
        return (value or b"").decode(errors="replace")


def _bytes_of(data: memoryview | bytes | NDArray[Any]) -> NDArray[np.uint8]:
    """The bytes of ``data`` in C order."""
    if isinstance(data, np.ndarray):
        return np.ascontiguousarray(data).reshape(-1).view(np.uint8)
    return np.frombuffer(data, np.uint8)
