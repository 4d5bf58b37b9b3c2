"""LiteRT as the reference: TFLite's own results on the CPU."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tflgpuc.ir.errors import DeviceError, ModelError

Array = NDArray[Any]


class LiteRt:
    """One interpreter. ``kernels`` picks one of TFLite's sets of CPU kernels: ``xnnpack``, which it
    takes by itself, its own ``optimized`` ones, or the plain ``reference`` ones.

    Raises DeviceError where the package is missing, ModelError where LiteRT refuses the model.
    """

    def __init__(
        self,
        model: Path,
        shapes: Mapping[str, list[int]] | None = None,
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
                for detail in self.interpreter.get_input_details():
                    wanted = (shapes or {}).get(detail["name"])
                    if wanted is not None and list(detail["shape"]) != wanted:
                        self.interpreter.resize_tensor_input(detail["index"], wanted)
                self.interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{model.name}: LiteRT refuses it: {error}") from None
        self.inputs = self.interpreter.get_input_details()
        self.outputs = self.interpreter.get_output_details()

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name, in the model's order."""
        for detail in self.inputs:
            array = np.asarray(inputs[detail["name"]], detail["dtype"])
            self.interpreter.set_tensor(detail["index"], array)
        self.interpreter.invoke()
        return {d["name"]: self.interpreter.get_tensor(d["index"]) for d in self.outputs}


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
