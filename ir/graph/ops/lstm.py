"""LSTM: one step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tflgpuc.ir.graph.lstm import FullLstm
from tflgpuc.ir.graph.op import Array, Op
from tflgpuc.ir.graph.ops.basic_lstm import BasicLstm
from tflgpuc.ir.graph.ops.unidirectional_sequence_lstm import UnidirectionalSequenceLstm
from tflgpuc.ir.graph.recurrent import lstm_step
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import TensorType


class Lstm(FullLstm, name="tfl.lstm", tflite="LSTM"):
    """One step of an LSTM on [batch, inputs]; a ``kernel_type`` BASIC is a BasicLstm."""

    kernel_type: str = "FULL"

    @classmethod
    def of_options(cls, options: Mapping[str, Any]) -> type[Op]:
        return BasicLstm if options.get("kernel_type") == "BASIC" else cls

    def infer(self) -> tuple[TensorType, TensorType, TensorType]:
        shape = (*self.input.type.shape[:-1], *self.output_state.type.shape[-1:])
        return TensorType("f32", shape), self.output_state.type, self.cell_state.type

    def verify(self) -> None:
        self.check(self.input.type.rank == 2, f"input {self.input.type} isn't [batch, inputs]")
        super().verify()
        batch = self.input.type.shape[0]
        self.check(self.output_state.type.shape[0] == batch, f"states of batch {batch}")

    def reference(self, input: Array, *operands: Array) -> tuple[Array, Array, Array]:
        at = list(self.kinds())
        h, c = operands[at.index("output_state") - 1], operands[at.index("cell_state") - 1]
        h, c = lstm_step(self, input, h, c)
        return h, h, c

    @classmethod
    def samples(cls) -> Iterator[Lstm]:
        for sample in UnidirectionalSequenceLstm.samples():
            fields = {
                k: getattr(sample, k)
                for k in sample.kinds()
                if k not in ("time_major", "diagonal_recurrent_tensors")
            }
            yield replace(cls(**fields), input=runtime(2, 5))
