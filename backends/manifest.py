"""Writes a schedule down as a manifest: what the files of a bundle are and how to run them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tflgpuc.ir.errors import LimitError
from tflgpuc.ir.graph.op import Array, Source
from tflgpuc.ir.schedule import ARENA, WEIGHTS, Dispatch, Schedule
from tflgpuc.ir.shader import Kernel
from tflgpuc.ir.shader.stats import stats
from tflgpuc.ir.target import Target

FORMAT, VERSION = "tflgpuc-bundle", 1

Json = dict[str, Any]


@dataclass
class WeightsFile:
    """The constants of all dispatches, equal ones once, each aligned for a binding."""

    alignment: int
    chunks: list[memoryview] = field(default_factory=list)
    size: int = 0
    _known: dict[bytes, int] = field(default_factory=dict)

    def add(self, data: Array) -> int:
        """The offset in bytes at which ``data`` lies."""
        view = np.ascontiguousarray(data).reshape(-1).view(np.uint8).data
        key = hashlib.sha256(view).digest()
        if key not in self._known:
            gap = -self.size % self.alignment
            if gap:
                self.chunks.append(memoryview(bytes(gap)))
            self._known[key] = self.size + gap
            self.chunks.append(view)
            self.size += gap + view.nbytes
        return self._known[key]


def manifest(
    schedule: Schedule, target: Target, weights: WeightsFile, about: Mapping[str, Any]
) -> Json:
    """Everything but the list of files; fills ``weights`` as it goes."""
    kernels = schedule.kernels()
    measured = {k: stats(k) for k in kernels}
    steps = [_step(s, schedule, target, weights, measured[s.kernel].flops) for s in schedule.steps]
    buffers = [_buffer(ARENA, schedule.arena_bytes), _buffer(WEIGHTS, weights.size)]
    tensors = [_tensor(name, schedule) for name in schedule.tensors]
    for t in tensors:
        if t["buffer"] not in (ARENA, WEIGHTS):
            buffers.append(_buffer(t["buffer"], t["bytes"]))
    return {
        "format": FORMAT,
        "version": VERSION,
        **about,
        "target": target.name,
        "inputs": [_port(name, schedule) for name in schedule.inputs],
        "outputs": [_port(name, schedule) for name in schedule.outputs],
        "buffers": buffers,
        "tensors": tensors,
        "programs": [_program(k) for k in kernels],
        "steps": steps,
        "memory": {
            "arena_bytes": schedule.arena_bytes,
            "lower_bound_bytes": schedule.lower_bound,
            "weights_bytes": weights.size,
            "input_bytes": sum(schedule.placements[n].size for n in schedule.inputs),
            "output_bytes": sum(schedule.placements[n].size for n in schedule.outputs),
        },
    }


def _buffer(name: str, size: int) -> Json:
    return {"name": name, "bytes": size}


def _port(name: str, schedule: Schedule) -> Json:
    type, place = schedule.tensors[name].type, schedule.placements[name]
    return {
        "name": name,
        "shape": list(type.shape),
        "dtype": type.dtype,
        "layout": type.layout,
        "buffer": place.buffer,
        "offset": place.offset,
        "bytes": place.size,
    }


def _tensor(name: str, schedule: Schedule) -> Json:
    return {**_port(name, schedule), "role": schedule.tensors[name].role}


def _program(kernel: Kernel) -> Json:
    return {
        "name": kernel.name,
        "entry": {},
        "work_group": list(kernel.size),
        "grid": list(kernel.grid),
        "shared_bytes": kernel.shared_bytes,
        "bindings": [
            {
                "binding": i,
                "name": b.name,
                "access": b.access,
                "element": str(b.element),
                "storage": b.storage,
            }
            for i, b in enumerate(kernel.buffers)
        ],
    }


def _step(
    step: Dispatch, schedule: Schedule, target: Target, weights: WeightsFile, flops: int
) -> Json:
    bindings: list[Json] = []
    for tensor in step.tensors:
        if tensor is not None:
            place = schedule.placements[tensor]
            bindings.append(_range(place.buffer, place.offset, place.size))
            continue
        assert step.constants is not None
        size = step.constants.nbytes
        if size > target.storage_bytes:
            raise LimitError(
                f"{step.describe()}: {size} bytes of weights, "
                f"target {target.name} binds {target.storage_bytes}"
            )
        bindings.append(_range(WEIGHTS, weights.add(step.constants), size))
    return {
        "type": "dispatch",
        "program": step.kernel.name,
        "groups": list(step.kernel.groups),
        "barrier": step.barrier,
        "bindings": bindings,
        "sources": [_source(s) for s in step.sources],
        "macs": step.macs,
        "flops": flops,
        "bytes": sum(b["bytes"] for b in bindings),
        "tile": list(step.tile),
    }


def _range(buffer: str, offset: int, size: int) -> Json:
    return {"buffer": buffer, "offset": offset, "bytes": size}


def _source(source: Source) -> Json:
    return {
        "subgraph": source.subgraph,
        "operator": source.operator,
        "opcode": source.opcode,
        "outputs": list(source.outputs),
    }


def header(model: str, kernel: Kernel, steps: Sequence[Dispatch]) -> list[str]:
    """The comment lines above a printed kernel: where it comes from and how it is cut up."""
    lines = [f"{model}: {kernel.name}"]
    tiles = sorted({s.tile for s in steps})
    for step in steps:
        lines += [str(s) for s in step.sources]
    shapes = [f"{b.name} {b.element}[{b.count}]" for b in kernel.buffers if b.count]
    lines.append(f"buffers: {', '.join(shapes)}")
    lines.append(
        f"tile: {', '.join(f'{p} pixels x {s} slices' for p, s in tiles)}; "
        f"work group: {' x '.join(map(str, kernel.size))}"
    )
    return lines
