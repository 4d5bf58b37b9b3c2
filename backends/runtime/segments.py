"""Runs the CPU segments of a bundle with LiteRT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from tflgpuc.ir.errors import DeviceError

Array = NDArray[Any]


class CpuSegment:
    """One segment's interpreter; variables inside it keep their values from run to run.

    Raises DeviceError where LiteRT isn't installed, or refuses the segment.
    """

    def __init__(self, name: str, model: bytes) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            raise DeviceError(
                f"{name} runs on the CPU, which needs ai-edge-litert: pip install 'tflgpuc[cpu]'"
            ) from None
        self.name = name
        try:
            self.interpreter = Interpreter(model_content=model)
            self.interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise DeviceError(f"{name}: LiteRT refuses it: {error}") from None
        self.inputs = self.interpreter.get_input_details()
        self.outputs = self.interpreter.get_output_details()

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """The segment's results, in order; raises DeviceError where LiteRT can't compute them."""
        try:
            self._fit(arrays)
            for detail, array in zip(self.inputs, arrays, strict=True):
                self.interpreter.set_tensor(detail["index"], array)
            self.interpreter.invoke()
            return [self.interpreter.get_tensor(d["index"]) for d in self.outputs]
        except (RuntimeError, ValueError) as error:
            raise DeviceError(f"{self.name}: LiteRT can't run it: {error}") from None

    def reset(self) -> None:
        """Puts every variable back to its initial value."""
        self.interpreter.reset_all_variables()

    def _fit(self, arrays: Sequence[Array]) -> None:
        """Resizes the inputs whose shapes are only known now."""
        changed = False
        for detail, array in zip(self.inputs, arrays, strict=True):
            if tuple(detail["shape"]) != array.shape:
                self.interpreter.resize_tensor_input(detail["index"], list(array.shape))
                changed = True
        if changed:
            self.interpreter.allocate_tensors()
            self.inputs = self.interpreter.get_input_details()
