"""What every runner does: check inputs, walk the schedule, collect outputs."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tflgpuc.backends.files import BundleFiles
from tflgpuc.backends.manifest import Json
from tflgpuc.backends.runtime.segments import CpuSegment
from tflgpuc.ir.errors import UsageError
from tflgpuc.ir.graph.types import NUMPY, TensorType

Array = NDArray[Any]


@dataclass(frozen=True)
class StepTime:
    """What one step of a run took; ``seconds`` by the device's own clock where it has one."""

    program: str
    ops: str
    macs: int
    seconds: float


class Runner(ABC):
    """Runs one bundle on one device; a context manager. Not for use by several threads at once.

    ``run`` takes ``{input name: array}`` and gives ``{output name: array}``; shapes are the manifest's,
    element types are converted. States, which the manifest lists, are kept from run to run until
    ``reset``. CPU segments are run by LiteRT.
    """

    def __init__(self, bundle: BundleFiles) -> None:
        self.bundle = bundle
        self.manifest = bundle.manifest
        self.tensors: dict[str, Json] = {t["name"]: t for t in self.manifest["tensors"]}
        self.segments = {
            step["file"]: CpuSegment(step["file"], bundle.bytes(step["file"]))
            for step in self.manifest["steps"]
            if step["type"] == "segment"
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:  # noqa: B027  most devices hold nothing
        """Releases what the device holds."""

    @abstractmethod
    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """One inference. Raises UsageError where an input is missing, unknown or misshapen."""

    @abstractmethod
    def profile(self, inputs: Mapping[str, Array]) -> list[StepTime]:
        """One inference with each step timed by itself."""

    def reset(self) -> None:
        """Puts every state back to what it is before the first run."""
        for segment in self.segments.values():
            segment.reset()

    def checked(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The inputs in the manifest's order and element types."""
        ports = {p["name"]: p for p in self.manifest["inputs"]}
        for name in inputs:
            if name not in ports:
                raise UsageError(f"no input {name!r}; there are {', '.join(map(repr, ports))}")
        made = {}
        for name, port in ports.items():
            if name not in inputs:
                raise UsageError(f"input {name!r} is missing")
            array = np.asarray(inputs[name])
            if not _fits(array.shape, port["shape"]):
                raise UsageError(f"input {name!r} is {port['shape']}, not {list(array.shape)}")
            if port["dtype"] in NUMPY:
                array = np.ascontiguousarray(array, NUMPY[port["dtype"]]).reshape(array.shape)
            made[name] = array
        return made

    @staticmethod
    def ops_of(step: Json) -> str:
        """TFLite's operators that a step stands for."""
        return "+".join(dict.fromkeys(s["opcode"].lower() for s in step["sources"]))


class StepRunner(Runner):
    """A runner that walks the schedule itself."""

    def __init__(self, bundle: BundleFiles) -> None:
        super().__init__(bundle)
        self.programs: dict[str, Json] = {p["name"]: p for p in self.manifest["programs"]}
        # What the CPU's side has of a run: inputs, what segments made, and what they have read.
        self.host: dict[str, Array] = {}
        # States that dispatches update where they lie.
        self._in_place = [
            s["tensor"]
            for s in self.manifest["states"]
            if s["next"] == s["tensor"] and self.tensors[s["tensor"]]["buffer"] is not None
        ]
        self._kept: dict[str, Array] | None = None

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """One inference. Raises UsageError where an input is missing, unknown or misshapen."""
        self._begin(inputs)
        for step in self.manifest["steps"]:
            self._step(step)
        return self._end()

    def profile(self, inputs: Mapping[str, Array]) -> list[StepTime]:
        """One inference with each step timed by itself."""
        self._begin(inputs)
        found = []
        for step in self.manifest["steps"]:
            name = step["file"] if step["type"] == "segment" else step["program"]
            seconds = self._timed_step(step)
            found.append(StepTime(name, self.ops_of(step), step["macs"], seconds))
        self._end()
        return found

    def reset(self) -> None:
        """Puts every state back to what it is before the first run."""
        self._kept = None
        super().reset()

    def timed(self, step: Json) -> float:
        """Runs one step to its end and gives its seconds."""
        start = time.perf_counter()
        self.dispatch(step)
        self.finish()
        return time.perf_counter() - start

    # --- one run ---

    def _begin(self, inputs: Mapping[str, Array]) -> None:
        self.host = {}
        if self._kept is None:
            self._kept = {}
            for state in self.manifest["states"]:
                self._put_state(state["tensor"], self._initial(state))
        self.host.update(self._kept)
        ports = {p["name"]: p for p in self.manifest["inputs"]}
        for name, array in self.checked(inputs).items():
            self._put(ports[name], array)

    def _step(self, step: Json) -> None:
        if step["type"] == "segment":
            self._segment(step)
            return
        if step["barrier"]:
            self.barrier()
        self.dispatch(step)
        self._forget()

    def _timed_step(self, step: Json) -> float:
        if step["type"] == "segment":
            start = time.perf_counter()
            self._segment(step)
            return time.perf_counter() - start
        if step["barrier"]:
            self.barrier()
        seconds = self.timed(step)
        self._forget()
        return seconds

    def _forget(self) -> None:
        """Drops the CPU's copies of what a dispatch may have updated."""
        for name in self._in_place:
            self.host.pop(name, None)

    def _segment(self, step: Json) -> None:
        given = [self._get(self.tensors[name]) for name in step["inputs"]]
        made = self.segments[step["file"]].run(given)
        for name, array in zip(step["outputs"], made, strict=True):
            self._put(self.tensors[name], array)

    def _end(self) -> dict[str, Array]:
        made = {p["name"]: self._get(self.tensors[p["tensor"]]) for p in self.manifest["outputs"]}
        for state in self.manifest["states"]:
            if state["next"] != state["tensor"]:
                self._put_state(state["tensor"], self._get(self.tensors[state["next"]]))
        # An output may be an input, or what a segment keeps.
        return {name: np.array(array) for name, array in made.items()}

    # --- the two sides ---

    def _get(self, tensor: Json) -> Array:
        """A tensor on the CPU's side."""
        name = tensor["name"]
        if name not in self.host:
            self.finish()
            data = self.read(tensor["buffer"], tensor["offset"], tensor["bytes"])
            type = TensorType(tensor["dtype"], tuple(tensor["shape"]))
            self.host[name] = type.array(data).copy()
        return self.host[name]

    def _put(self, tensor: Json, array: Array) -> None:
        """Notes a tensor on the CPU's side, and copies it to the GPU if a dispatch reads it."""
        self.host[tensor["tensor"] if "tensor" in tensor else tensor["name"]] = array
        if tensor["buffer"] is not None:
            data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            self.write(tensor["buffer"], tensor["offset"], data)

    def _put_state(self, name: str, array: Array) -> None:
        """A state's value: the GPU's alone where it has memory there, else kept on the CPU's side."""
        assert self._kept is not None
        tensor = self.tensors[name]
        if tensor["buffer"] is None:
            self._kept[name] = array
            return
        data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        self.write(tensor["buffer"], tensor["offset"], data)

    def _initial(self, state: Json) -> Array:
        tensor = self.tensors[state["tensor"]]
        type = TensorType(tensor["dtype"], tuple(tensor["shape"]))
        if state["initial"] is None:
            return np.zeros(type.shape, NUMPY[type.dtype])
        place = state["initial"]
        data = np.asarray(self.bundle.weights)
        return type.array(data[place["offset"] : place["offset"] + place["bytes"]]).copy()

    @abstractmethod
    def write(self, buffer: str, offset: int, data: NDArray[np.uint8]) -> None:
        """Copies bytes into a buffer of the manifest."""

    @abstractmethod
    def read(self, buffer: str, offset: int, size: int) -> NDArray[np.uint8]:
        """Bytes of a buffer of the manifest."""

    @abstractmethod
    def dispatch(self, step: Json) -> None:
        """Launches one step."""

    def barrier(self) -> None:
        """Makes earlier steps' writes visible to later ones."""

    def finish(self) -> None:
        """Waits until everything launched has run."""


def _fits(shape: tuple[int, ...], wanted: list[int]) -> bool:
    """Whether an array has a port's shape; -1 there is any size."""
    return len(shape) == len(wanted) and all(
        w in (-1, s) for s, w in zip(shape, wanted, strict=True)
    )


class HostRunner(StepRunner):
    """A runner whose buffers are NumPy arrays; memory starts as NaNs, so that stale reads show."""

    def __init__(self, bundle: BundleFiles) -> None:
        super().__init__(bundle)
        self.buffers: dict[str, NDArray[np.uint8]] = {
            b["name"]: np.full(b["bytes"], 0xFF, np.uint8) for b in self.manifest["buffers"]
        }
        self.buffers["weights"] = bundle.weights

    def write(self, buffer: str, offset: int, data: NDArray[np.uint8]) -> None:
        self.buffers[buffer][offset : offset + data.size] = data

    def read(self, buffer: str, offset: int, size: int) -> NDArray[np.uint8]:
        return self.buffers[buffer][offset : offset + size]
