"""UNIDIRECTIONAL_SEQUENCE_RNN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.recurrent import rnn_step, verify_floats, verify_steps
from tflgpuc.ir.graph.sampling import runtime, weights
from tflgpuc.ir.graph.spatial import verify_activation
from tflgpuc.ir.graph.types import TensorType


class UnidirectionalSequenceRnn(
    Op, name="tfl.unidirectional_sequence_rnn", tflite="UNIDIRECTIONAL_SEQUENCE_RNN"
):
    """h = activation(x @ weights.T + h @ recurrent_weights.T + bias), step by step.

    The input is [batch, time, inputs], or with ``time_major`` [time, batch, inputs].
    """

    states: ClassVar[tuple[str, ...]] = ("hidden_state",)

    input: Value
    weights: Value
    recurrent_weights: Value
    bias: Value
    hidden_state: Value
    time_major: bool = False
    fused_activation_function: str = "NONE"
    asymmetric_quantize_inputs: bool = False

    @property
    def time_axis(self) -> int:
        """The axis of the input that is time."""
        return 0 if self.time_major else 1

    def infer(self) -> tuple[TensorType, TensorType]:
        shape = (*self.input.type.shape[:-1], self.weights.type.shape[0])
        return TensorType("f32", shape), self.hidden_state.type

    def verify(self) -> None:
        self.check(
            self.input.type.rank == 3, f"input {self.input.type} isn't [batch, time, inputs]"
        )
        verify_rnn(self, self.input.type.shape[1 - self.time_axis])
        verify_steps(self, self.input.type.shape[self.time_axis])

    def reference(self, input: Array, *operands: Array) -> tuple[Array, Array]:
        h, made = operands[-1], []
        for x in np.moveaxis(input, self.time_axis, 0):
            h = rnn_step(self, x, h)
            made.append(h)
        return np.stack(made, self.time_axis), h

    def macs(self) -> int:
        steps = self.input.type.size // self.input.type.shape[-1]
        return steps * (self.weights.type.size + self.recurrent_weights.type.size)

    @classmethod
    def samples(cls) -> Iterator[UnidirectionalSequenceRnn]:
        for major in (False, True):
            yield cls(
                input=runtime(2, 3, 5),
                weights=weights(4, 5),
                recurrent_weights=weights(4, 4),
                bias=weights(4),
                hidden_state=runtime(3 if major else 2, 4, name="h"),
                time_major=major,
                fused_activation_function="TANH",
            )


def verify_rnn(op: Op, batch: int) -> None:
    """Checks the weights of a plain recurrent layer."""
    input, weights, recurrent, bias, state = op.operands
    verify_activation(op, op.attributes["fused_activation_function"])
    verify_floats(op, weights, recurrent, bias)
    op.check(weights.type.rank == 2, f"weights {weights.type} aren't [units, inputs]")
    units, depth = weights.type.shape
    op.check(input.type.shape[-1] == depth, f"{input.type} with weights {weights.type}")
    op.check(recurrent.type.shape == (units, units), f"recurrent weights {recurrent.type}")
    op.check(bias.type.shape == (units,), f"bias {bias.type}")
    op.check(state.type.shape == (batch, units), f"state {state.type}")
