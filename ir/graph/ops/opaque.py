"""A TFLite operator that nothing here understands, kept as the file has it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tflgpuc.ir.errors import UnsupportedError
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.types import TensorType


class Opaque(Op, name="tfl.opaque"):
    """The operator ``opcode`` (``CUSTOM:Name`` for custom ones); ``reason``: why it's not an op.

    ``options`` are its decoded options table, ``absent`` the positions among its inputs that the
    file leaves out, ``types`` its results' types as the file gives them. A variable tensor that is
    read is the result of an operator ``VARIABLE_TENSOR`` without inputs.
    """

    inputs: tuple[Value, ...]
    opcode: str
    version: int = 1
    options: tuple[tuple[str, Any], ...] = ()
    custom_options: bytes = b""
    absent: tuple[int, ...] = ()
    types: tuple[TensorType, ...] = ()
    reason: str = ""

    def infer(self) -> tuple[TensorType, ...]:
        return self.types

    def reference(self, inputs: list[Array]) -> tuple[Array, ...]:
        raise UnsupportedError(f"{self.describe()}: {self.reason}")

    @classmethod
    def samples(cls) -> Iterator[Opaque]:
        return iter(())
