"""Writes a schedule down as a manifest: what the files of a bundle are and how to run them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tflgpuc.backends.paging import release
from tflgpuc.ir.errors import LimitError
from tflgpuc.ir.graph.op import Array, Source
from tflgpuc.ir.schedule import (
    ARENA,
    WEIGHTS,
    CpuStep,
    Dispatch,
    Role,
    Schedule,
    StateTensor,
)
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
        release(data)
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
    segments = {s: f"cpu/segment_{i}.tflite" for i, s in enumerate(schedule.segments)}
    steps = [
        _segment(s, segments[s], schedule)
        if isinstance(s, CpuStep)
        else _step(s, schedule, target, weights, measured[s.kernel].flops)
        for s in schedule.steps
    ]
    states = [_state(s, weights) for s in schedule.states]
    buffers = [_buffer(ARENA, schedule.arena_bytes), _buffer(WEIGHTS, weights.size)]
    tensors = [_tensor(name, schedule) for name in schedule.tensors]
    for t in tensors:
        if t["buffer"] not in (ARENA, WEIGHTS, None):
            buffers.append(_buffer(t["buffer"], t["bytes"]))
    return {
        "format": FORMAT,
        "version": VERSION,
        **about,
        "target": target.name,
        "inputs": [_port(name, name, schedule) for name in schedule.inputs],
        "outputs": [_port(name, tensor, schedule) for name, tensor in schedule.outputs.items()],
        "states": states,
        "buffers": buffers,
        "tensors": tensors,
        "programs": [_program(k) for k in kernels],
        "steps": steps,
        "memory": {
            "arena_bytes": schedule.arena_bytes,
            "lower_bound_bytes": schedule.lower_bound,
            "weights_bytes": weights.size,
            "input_bytes": _placed_bytes(schedule, "input"),
            "output_bytes": _placed_bytes(schedule, "output"),
            "host_bytes": _placed_bytes(schedule, "host"),
            "state_bytes": _placed_bytes(schedule, "state"),
        },
    }


def _buffer(name: str, size: int) -> Json:
    return {"name": name, "bytes": size}


def _placed_bytes(schedule: Schedule, role: Role) -> int:
    roles = ((schedule.tensors[n].role, p.size) for n, p in schedule.placements.items())
    return sum(size for found, size in roles if found == role)


def _port(name: str, tensor: str, schedule: Schedule) -> Json:
    return {"name": name, "tensor": tensor, **_place(tensor, schedule)}


def _place(name: str, schedule: Schedule) -> Json:
    """A tensor's type and range; what only the CPU's side knows has no buffer."""
    type, place = schedule.tensors[name].type, schedule.placements.get(name)
    open_shape = type.signature if type.dynamic and type.signature else type.shape
    return {
        "shape": list(open_shape),
        "dtype": type.dtype,
        "layout": type.layout,
        "buffer": place.buffer if place else None,
        "offset": place.offset if place else 0,
        "bytes": place.size if place else 0,
    }


def _tensor(name: str, schedule: Schedule) -> Json:
    return {"name": name, **_place(name, schedule), "role": schedule.tensors[name].role}


def _state(state: StateTensor, weights: WeightsFile) -> Json:
    initial = None
    if state.initial is not None:
        data = np.ascontiguousarray(state.initial)
        initial = {"offset": weights.add(data), "bytes": data.nbytes}
    return {"name": state.name, "tensor": state.tensor, "next": state.next, "initial": initial}


def _segment(step: CpuStep, file: str, schedule: Schedule) -> Json:
    tensors = [schedule.tensors[n].type for n in (*step.inputs, *step.outputs)]
    return {
        "type": "segment",
        "file": file,
        "inputs": list(step.inputs),
        "outputs": list(step.outputs),
        "sources": [_source(s) for s in step.sources],
        "macs": step.macs,
        "bytes": sum(t.bytes for t in tensors),
        "reasons": step.reason.splitlines(),
    }


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
                **({"row": b.row} if b.row else {}),
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
        "op": step.op,
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
