"""LiteRT as the reference: TFLite's own results on the CPU."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tflgpuc.ir.errors import DeviceError, ModelError

Array = NDArray[Any]


class LiteRt:
    """One interpreter. ``kernels`` picks one of TFLite's sets of CPU kernels: ``xnnpack``, which it
    takes by itself, its own ``optimized`` ones, or the plain ``reference`` ones. ``shapes`` are those
    of the inputs, in order, where they aren't the model's own.

    Raises DeviceError where the package is missing, ModelError where LiteRT refuses the model.
    """

    def __init__(
        self,
        model: Path,
        shapes: Sequence[list[int]] | None = None,
        threads: int = 1,
        kernels: str = "xnnpack",
    ) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter, OpResolverType
        except ImportError:
            raise DeviceError(
                "comparing with TFLite needs ai-edge-litert: pip install 'tflgpuc[verify]'"
            ) from None
        resolver = {
            "xnnpack": OpResolverType.AUTO,
            "optimized": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            "reference": OpResolverType.BUILTIN_REF,
        }[kernels]
        try:
            with _quiet():
                self.interpreter = Interpreter(
                    str(model), num_threads=threads, experimental_op_resolver_type=resolver
                )
                details = self.interpreter.get_input_details()
                for detail, wanted in zip(details, shapes or (), strict=False):
                    if list(detail["shape"]) != wanted:
                        self.interpreter.resize_tensor_input(detail["index"], wanted)
                self.interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{model.name}: LiteRT refuses it: {error}") from None
        self.name = model.name
        self.inputs = self.interpreter.get_input_details()
        self.outputs = self.interpreter.get_output_details()

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """The outputs in the model's order; inputs are taken in its order, too.

        Raises ModelError where LiteRT can't run the model on these inputs.
        """
        try:
            for detail, array in zip(self.inputs, inputs.values(), strict=True):
                self.interpreter.set_tensor(detail["index"], np.asarray(array, detail["dtype"]))
            self.interpreter.invoke()
            return [self.interpreter.get_tensor(d["index"]) for d in self.outputs]
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{self.name}: LiteRT can't run it: {error}") from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what LiteRT logs while it starts off stderr."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
