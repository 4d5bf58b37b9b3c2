"""RNN: one step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.unidirectional_sequence_rnn import verify_rnn
from tflgpuc.ir.graph.recurrent import rnn_step
from tflgpuc.ir.graph.sampling import runtime, weights
from tflgpuc.ir.graph.types import TensorType


class Rnn(Op, name="tfl.rnn", tflite="RNN"):
    """h = activation(x @ weights.T + h @ recurrent_weights.T + bias) on [batch, inputs]."""

    states: ClassVar[tuple[str, ...]] = ("hidden_state",)

    input: Value
    weights: Value
    recurrent_weights: Value
    bias: Value
    hidden_state: Value
    fused_activation_function: str = "NONE"
    asymmetric_quantize_inputs: bool = False

    def infer(self) -> tuple[TensorType, TensorType]:
        return self.hidden_state.type, self.hidden_state.type

    def verify(self) -> None:
        self.check(self.input.type.rank == 2, f"input {self.input.type} isn't [batch, inputs]")
        verify_rnn(self, self.input.type.shape[0])

    def reference(self, input: Array, *operands: Array) -> tuple[Array, Array]:
        h = rnn_step(self, input, operands[-1])
        return h, h

    def macs(self) -> int:
        batch = self.input.type.shape[0]
        return batch * (self.weights.type.size + self.recurrent_weights.type.size)

    @classmethod
    def samples(cls) -> Iterator[Rnn]:
        yield cls(
            input=runtime(2, 5),
            weights=weights(4, 5),
            recurrent_weights=weights(4, 4),
            bias=weights(4),
            hidden_state=runtime(2, 4, name="h"),
            fused_activation_function="RELU",
        )
