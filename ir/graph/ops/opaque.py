"""A TFLite operator that nothing here understands, kept as the file has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tflgpuc.ir.errors import UnsupportedError
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.types import TensorType


class Opaque(Op, name="tfl.opaque"):
    """The operator ``opcode`` (``CUSTOM:Name`` for custom ones); ``reason``: why it's not an op.

    ``options`` are its decoded options table, ``absent`` the positions among its inputs that the
    file leaves out, ``types`` its results' types as the file gives them, ``intermediates`` those of
    tensors that only its kernel uses. A variable tensor that is
    read is the result of an operator ``VARIABLE_TENSOR`` without inputs. ``at_run_time`` says that
    nothing but operands known at run time only keeps it from being an op.
    """

    inputs: tuple[Value, ...]
    opcode: str
    version: int = 1
    options: tuple[tuple[str, Any], ...] = ()
    custom_options: bytes = b""
    absent: tuple[int, ...] = ()
    types: tuple[TensorType, ...] = ()
    intermediates: tuple[TensorType, ...] = ()
    reason: str = ""
    at_run_time: bool = False

    def infer(self) -> tuple[TensorType, ...]:
        return self.types

    def reference(self, inputs: list[Array]) -> tuple[Array, ...]:
        raise UnsupportedError(f"{self.describe()}: {self.reason}")

    def to_tflite(self) -> Mapping[str, Any]:
        return dict(self.options) | {"custom_options": self.custom_options}

    @classmethod
    def samples(cls) -> Iterator[Opaque]:
        return iter(())
