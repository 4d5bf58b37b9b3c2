"""LSTM with the BASIC kernel: one step, all weights in one matrix."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.recurrent import sigmoid, verify_floats
from tflgpuc.ir.graph.sampling import runtime, weights
from tflgpuc.ir.graph.types import TensorType


class BasicLstm(Op, name="tfl.basic_lstm"):
    """One step on [batch, inputs], with input, new, forget and output gates one below the other.

    Gives the activation, the cell state, the input beside the activation before, and the gates
    before their functions.
    """

    input: Value
    prev_activation: Value
    weights: Value
    biases: Value
    prev_state: Value
    fused_activation_function: str = "TANH"
    cell_clip: float = 0.0
    proj_clip: float = 0.0
    kernel_type: str = "BASIC"
    asymmetric_quantize_inputs: bool = False

    def infer(self) -> tuple[TensorType, ...]:
        batch, cells = self.prev_state.type.shape
        depth = self.input.type.shape[-1]
        return tuple(
            TensorType("f32", (batch, n)) for n in (cells, cells, depth + cells, 4 * cells)
        )

    def verify(self) -> None:
        self.check(all(v.type.rank == 2 for v in (self.input, self.prev_state)), "not [batch, n]")
        verify_floats(self, self.weights, self.biases)
        batch, cells = self.prev_state.type.shape
        depth = self.input.type.shape[-1]
        self.check(self.prev_activation.type.shape == (batch, cells), "activation and state differ")
        self.check(self.input.type.shape[0] == batch, f"input of batch {self.input.type.shape[0]}")
        self.check(self.weights.type.shape == (4 * cells, depth + cells), f"{self.weights.type}")
        self.check(self.biases.type.shape == (4 * cells,), f"biases {self.biases.type}")
        self.check(self.fused_activation_function == "TANH", "its activation isn't TANH")
        self.check(self.cell_clip == self.proj_clip == 0, "it clips")

    def reference(
        self, input: Array, activation: Array, weights: Array, biases: Array, state: Array
    ) -> tuple[Array, ...]:
        joined = np.concatenate([input, activation], -1)
        gates = joined @ weights.T + biases
        i, new, forget, out = np.split(gates, 4, -1)
        cell = sigmoid(i) * np.tanh(new) + sigmoid(forget) * state
        return sigmoid(out) * np.tanh(cell), cell, joined, gates

    def macs(self) -> int:
        return self.input.type.shape[0] * self.weights.type.size

    @classmethod
    def samples(cls) -> Iterator[BasicLstm]:
        for cells in (4, 3):
            yield cls(
                input=runtime(2, 5),
                prev_activation=runtime(2, cells, name="h"),
                weights=weights(4 * cells, 5 + cells),
                biases=weights(4 * cells),
                prev_state=runtime(2, cells, name="c"),
            )


# How a file spells it; the operator itself stands for the full kernel.
BasicLstm.tflite = "LSTM"
