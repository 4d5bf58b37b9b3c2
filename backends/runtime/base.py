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
from tflgpuc.ir.errors import UsageError
from tflgpuc.ir.graph.types import NUMPY

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
    element types are converted.
    """

    def __init__(self, bundle: BundleFiles) -> None:
        self.bundle = bundle
        self.manifest = bundle.manifest
        self.programs: dict[str, Json] = {p["name"]: p for p in self.manifest["programs"]}

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

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """One inference. Raises UsageError where an input is missing, unknown or misshapen."""
        self._upload(inputs)
        for step in self.manifest["steps"]:
            if step["barrier"]:
                self.barrier()
            self.dispatch(step)
        return self._download()

    def profile(self, inputs: Mapping[str, Array]) -> list[StepTime]:
        """One inference with each step timed by itself."""
        self._upload(inputs)
        found = []
        for step in self.manifest["steps"]:
            if step["barrier"]:
                self.barrier()
            ops = "+".join(s["opcode"].lower() for s in step["sources"])
            found.append(StepTime(step["program"], ops, step["macs"], self.timed(step)))
        return found

    def timed(self, step: Json) -> float:
        """Runs one step to its end and gives its seconds."""
        start = time.perf_counter()
        self.dispatch(step)
        self.finish()
        return time.perf_counter() - start

    def _upload(self, inputs: Mapping[str, Array]) -> None:
        ports = {p["name"]: p for p in self.manifest["inputs"]}
        for name in inputs:
            if name not in ports:
                raise UsageError(f"no input {name!r}; there are {', '.join(map(repr, ports))}")
        for name, port in ports.items():
            if name not in inputs:
                raise UsageError(f"input {name!r} is missing")
            array = np.asarray(inputs[name])
            if list(array.shape) != port["shape"]:
                raise UsageError(f"input {name!r} is {port['shape']}, not {list(array.shape)}")
            data = np.ascontiguousarray(array, NUMPY[port["dtype"]])
            self.write(port["buffer"], port["offset"], data.reshape(-1).view(np.uint8))

    def _download(self) -> dict[str, Array]:
        self.finish()
        made = {}
        for port in self.manifest["outputs"]:
            data = self.read(port["buffer"], port["offset"], port["bytes"])
            made[port["name"]] = data.view(NUMPY[port["dtype"]]).reshape(port["shape"]).copy()
        return made

    @abstractmethod
    def write(self, buffer: str, offset: int, data: NDArray[np.uint8]) -> None:
        """Copies bytes into a buffer of the manifest."""

    @abstractmethod
    def read(self, buffer: str, offset: int, size: int) -> NDArray[np.uint8]:
        """Bytes of a buffer of the manifest."""

    @abstractmethod
    def dispatch(self, step: Json) -> None:
        """Launches one step."""

    def barrier(self) -> None:  # noqa: B027  devices that run in order need none
        """Makes earlier steps' writes visible to later ones."""

    def finish(self) -> None:  # noqa: B027
        """Waits until everything launched has run."""


class HostRunner(Runner):
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
