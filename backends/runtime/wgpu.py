"""WebGPU without a browser, through wgpu-py."""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tflgpuc.ir.errors import DeviceError

# What a device has beyond WebGPU's defaults, where its adapter does: large models need it.
LIMITS = (
    "max-buffer-size",
    "max-storage-buffer-binding-size",
    "max-storage-buffers-per-shader-stage",
    "max-compute-invocations-per-workgroup",
    "max-compute-workgroup-size-x",
    "max-compute-workgroup-size-y",
    "max-compute-workgroup-size-z",
    "max-compute-workgroup-storage-size",
)
TIMESTAMPS = "timestamp-query"
STAMP_BYTES = 8

# One binding: buffer, offset and size in bytes.
Binding = tuple[Any, int, int]


@functools.cache
def _shared_device(wgpu: Any) -> tuple[Any, str, bool]:
    """The process's only device, its name, and whether it measures time.

    wgpu-native may abort the process that asks for adapters again and again.
    """
    try:
        adapter = wgpu.gpu.request_adapter_sync(power_preference="high-performance")
    except Exception as error:  # wgpu has no class of its own for this
        raise DeviceError(f"wgpu finds no adapter: {error}") from error
    timed = TIMESTAMPS in adapter.features
    try:
        device = adapter.request_device_sync(
            required_features=[TIMESTAMPS] if timed else [],
            required_limits={name: adapter.limits[name] for name in LIMITS},
        )
    except Exception as error:
        raise DeviceError(f"{adapter.info['device']}: no device: {error}") from error
    return device, str(adapter.info["device"]), timed


class WgpuDevice:
    """The adapter that wgpu prefers, with all the limits it allows.

    Dispatches are collected and run in order; what earlier ones wrote, later ones see. Every method
    raises DeviceError with wgpu's message where wgpu refuses something.
    """

    def __init__(self) -> None:
        try:
            self._wgpu = importlib.import_module("wgpu")
        except ImportError as error:
            raise DeviceError("WebGPU needs wgpu-py: pip install 'tflgpuc[wgpu]'") from error
        self._device, self.name, self.has_timestamps = _shared_device(self._wgpu)
        self._buffers: list[Any] = []
        self._encoder: Any = None
        self._pass: Any = None
        self._fence = self.buffer(4)

    def compile(self, name: str, source: str, function: str = "main") -> Any:
        """A compute pipeline of a WGSL module."""
        with self._errors(f"{name}: {self.name} refuses it"):
            module = self._device.create_shader_module(label=name, code=source)
            return self._device.create_compute_pipeline(
                label=name, layout="auto", compute={"module": module, "entry_point": function}
            )

    def buffer(self, size: int, content: NDArray[np.uint8] | None = None) -> Any:
        """A buffer of at least ``size`` bytes, zeros or ``content``."""
        usage = self._wgpu.BufferUsage
        with self._errors(f"a buffer of {size} bytes"):
            made = self._device.create_buffer(
                size=max(16, _words(size)),
                usage=usage.STORAGE | usage.COPY_SRC | usage.COPY_DST,
            )
        if content is not None:
            self.write(made, 0, content)
        self._buffers.append(made)
        return made

    def write(self, buffer: Any, offset: int, data: NDArray[np.uint8]) -> None:
        """Copies bytes to ``offset``, up to three zeros after them to fill the last word."""
        if not data.size:
            return
        self.submit()
        whole = data if data.size % 4 == 0 else np.pad(data, (0, -data.size % 4))
        with self._errors(f"writing {data.size} bytes"):
            self._device.queue.write_buffer(buffer, offset, np.ascontiguousarray(whole))

    def read(self, buffer: Any, offset: int, size: int) -> NDArray[np.uint8]:
        """A copy of ``size`` bytes at ``offset``, after all dispatches."""
        self.submit()
        with self._errors(f"reading {size} bytes"):
            data = self._device.queue.read_buffer(buffer, offset, _words(size))
        return np.frombuffer(data, np.uint8)[:size].copy()

    def bind(self, pipeline: Any, bindings: Sequence[Binding]) -> Any:
        """A bind group: binding i is the i-th of ``bindings``."""
        entries = [
            {"binding": i, "resource": {"buffer": buffer, "offset": offset, "size": _words(size)}}
            for i, (buffer, offset, size) in enumerate(bindings)
        ]
        with self._errors(f"binding {len(entries)} buffers"):
            layout = pipeline.get_bind_group_layout(0)
            return self._device.create_bind_group(layout=layout, entries=entries)

    def dispatch(self, pipeline: Any, group: Any, groups: tuple[int, int, int]) -> None:
        """Adds a dispatch to those that run next."""
        with self._errors(f"a dispatch of {groups}"):
            if self._pass is None:
                self._encoder = self._device.create_command_encoder()
                self._pass = self._encoder.begin_compute_pass()
            _record(self._pass, pipeline, group, groups)

    def submit(self) -> None:
        """Starts the dispatches that have been added."""
        if self._pass is None:
            return
        encoder, running = self._encoder, self._pass
        self._encoder = self._pass = None
        with self._errors("running dispatches"):
            running.end()
            self._device.queue.submit([encoder.finish()])

    def finish(self) -> None:
        """Runs everything, and waits until it is done."""
        # wgpu-py 0.32 can't wait for the queue; but what is read comes after all that was submitted.
        self.read(self._fence, 0, 4)

    def timed(self, pipeline: Any, group: Any, groups: tuple[int, int, int]) -> int:
        """Runs one dispatch by itself; its nanoseconds by the device's clock.

        Only for devices with ``has_timestamps``.
        """
        self.submit()
        usage = self._wgpu.BufferUsage
        with self._errors(f"timing a dispatch of {groups}"):
            queries = self._device.create_query_set(type="timestamp", count=2)
            stamps = self._device.create_buffer(
                size=2 * STAMP_BYTES, usage=usage.QUERY_RESOLVE | usage.COPY_SRC
            )
            encoder = self._device.create_command_encoder()
            timing = {
                "query_set": queries,
                "beginning_of_pass_write_index": 0,
                "end_of_pass_write_index": 1,
            }
            running = encoder.begin_compute_pass(timestamp_writes=timing)
            _record(running, pipeline, group, groups)
            running.end()
            encoder.resolve_query_set(queries, 0, 2, stamps, 0)
            self._device.queue.submit([encoder.finish()])
            start, end = np.frombuffer(self._device.queue.read_buffer(stamps), np.uint64)
        return int(end) - int(start)

    def close(self) -> None:
        """Gives all buffers back."""
        self._encoder = self._pass = None
        for buffer in self._buffers:
            buffer.destroy()
        self._buffers.clear()

    @contextlib.contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """Makes wgpu's errors into DeviceErrors about ``what``."""
        try:
            yield
        except self._wgpu.GPUError as error:
            raise DeviceError(f"{what}: {error}") from error


def _record(running: Any, pipeline: Any, group: Any, groups: tuple[int, int, int]) -> None:
    running.set_pipeline(pipeline)
    running.set_bind_group(0, group)
    running.dispatch_workgroups(*groups)


def _words(size: int) -> int:
    """Bytes of as many words of 32 bits as hold this many bytes."""
    return -(-size // 4) * 4
