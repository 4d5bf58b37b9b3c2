"""Runs a bundle's own GLSL files, or a schedule, on the NumPy interpreter: no GPU, no driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tflgpuc.backends.files import BundleFiles
from tflgpuc.backends.glsl.reader import read
from tflgpuc.backends.manifest import Json
from tflgpuc.backends.runtime.base import Array, HostRunner
from tflgpuc.ir.schedule import CpuStep, Schedule
from tflgpuc.ir.shader.interpret import interpret


class InterpreterRunner(HostRunner):
    """Reads the printed shaders back and interprets them, all invocations in lockstep."""

    def __init__(self, bundle: BundleFiles) -> None:
        super().__init__(bundle)
        self.kernels = {
            name: read(bundle.text(bundle.file_of(p, "glsl"))) for name, p in self.programs.items()
        }

    def dispatch(self, step: Json) -> None:
        kernel = self.kernels[step["program"]]
        bound = {
            buffer.name: self.buffers[b["buffer"]][b["offset"] : b["offset"] + b["bytes"]]
            for buffer, b in zip(kernel.buffers, step["bindings"], strict=True)
        }
        interpret(kernel, bound)


def interpret_schedule(schedule: Schedule, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs of a schedule's first run by name; tensors without a place have memory of their own."""
    memory: dict[str, NDArray[np.uint8]] = {}

    def bytes_of(name: str) -> NDArray[np.uint8]:
        size = schedule.tensors[name].type.bytes
        place = schedule.placements.get(name)
        if place is None:
            return memory.setdefault(name, np.full(size, 0xFF, np.uint8))
        whole = schedule.arena_bytes if place.buffer == "arena" else size
        buffer = memory.setdefault(place.buffer, np.full(whole, 0xFF, np.uint8))
        return buffer[place.offset : place.offset + size]

    for state in schedule.states:
        type = schedule.tensors[state.tensor].type
        type.array(bytes_of(state.tensor))[...] = 0 if state.initial is None else state.initial
    for name in schedule.inputs:
        type = schedule.tensors[name].type
        type.array(bytes_of(name))[...] = inputs[name]
    for step in schedule.steps:
        if isinstance(step, CpuStep):
            given = [schedule.tensors[n].type.array(bytes_of(n)) for n in step.inputs]
            for name, array in zip(step.outputs, step.body.evaluate(given), strict=True):
                schedule.tensors[name].type.array(bytes_of(name))[...] = array
            continue
        bound = {}
        for buffer, tensor in zip(step.kernel.buffers, step.tensors, strict=True):
            if tensor is None:
                assert step.constants is not None
                bound[buffer.name] = step.constants.reshape(-1).view(np.uint8)
            else:
                bound[buffer.name] = bytes_of(tensor)
        # Before work groups are selected, what a kernel computes doesn't depend on them.
        sized = step.kernel if step.kernel.group else replace(step.kernel, group=(1, 1, 1))
        interpret(sized, bound)
    made = {}
    for output, name in schedule.outputs.items():
        made[output] = schedule.tensors[name].type.array(bytes_of(name)).copy()
    return made
