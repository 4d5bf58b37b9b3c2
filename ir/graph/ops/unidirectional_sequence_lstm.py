"""UNIDIRECTIONAL_SEQUENCE_LSTM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tflgpuc.ir.graph.lstm import FullLstm
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.graph.recurrent import GATES, lstm_step, verify_steps
from tflgpuc.ir.graph.sampling import runtime, weights
from tflgpuc.ir.graph.types import TensorType


class UnidirectionalSequenceLstm(
    FullLstm, name="tfl.unidirectional_sequence_lstm", tflite="UNIDIRECTIONAL_SEQUENCE_LSTM"
):
    """An LSTM over a sequence: [batch, time, inputs], or with ``time_major`` [time, batch, inputs]."""

    time_major: bool = False
    diagonal_recurrent_tensors: bool = False

    @property
    def time_axis(self) -> int:
        """The axis of the input that is time."""
        return 0 if self.time_major else 1

    def infer(self) -> tuple[TensorType, TensorType, TensorType]:
        shape = (*self.input.type.shape[:-1], *self.output_state.type.shape[-1:])
        return TensorType("f32", shape), self.output_state.type, self.cell_state.type

    def verify(self) -> None:
        self.check(
            self.input.type.rank == 3, f"input {self.input.type} isn't [batch, time, inputs]"
        )
        super().verify()
        self.check(not self.diagonal_recurrent_tensors, "diagonal recurrent weights")
        batch = self.input.type.shape[1 - self.time_axis]
        self.check(self.output_state.type.shape[0] == batch, f"states of batch {batch}")
        verify_steps(self, self.input.type.shape[self.time_axis])

    def reference(self, input: Array, *operands: Array) -> tuple[Array, Array, Array]:
        at = list(self.kinds())
        h, c = operands[at.index("output_state") - 1], operands[at.index("cell_state") - 1]
        made = []
        for x in np.moveaxis(input, self.time_axis, 0):
            h, c = lstm_step(self, x, h, c)
            made.append(h)
        return np.stack(made, self.time_axis), h, c

    def macs(self) -> int:
        steps = self.input.type.size // self.input.type.shape[-1]
        fixed = (*(g for n in self.gates for g in (self.gate(n).input, self.gate(n).recurrent)),)
        projected = self.projection_weights.type.size if self.projection_weights else 0
        return steps * (sum(a.size for a in fixed) + projected)

    @classmethod
    def samples(cls) -> Iterator[UnidirectionalSequenceLstm]:
        plain = cls(
            input=runtime(2, 3, 5),
            input_to_input_weights=weights(4, 5),
            input_to_forget_weights=weights(4, 5),
            input_to_cell_weights=weights(4, 5),
            input_to_output_weights=weights(4, 5),
            recurrent_to_input_weights=weights(4, 4),
            recurrent_to_forget_weights=weights(4, 4),
            recurrent_to_cell_weights=weights(4, 4),
            recurrent_to_output_weights=weights(4, 4),
            input_gate_bias=weights(4),
            forget_gate_bias=weights(4),
            cell_gate_bias=weights(4),
            output_gate_bias=weights(4),
            output_state=runtime(2, 4, name="h"),
            cell_state=runtime(2, 4, name="c"),
        )
        yield plain
        coupled = replace(
            plain,
            input=runtime(3, 2, 5),
            time_major=True,
            input_to_input_weights=None,
            recurrent_to_input_weights=None,
            input_gate_bias=None,
            cell_to_forget_weights=weights(4),
            cell_to_output_weights=weights(4),
            cell_clip=0.3,
        )
        yield coupled
        normal: dict[str, Any] = {}
        for name in GATES:
            normal[f"recurrent_to_{name}_weights"] = weights(4, 3)
            normal[f"{name}_layer_norm_coefficients"] = weights(4)
        yield replace(
            plain,
            **normal,
            projection_weights=weights(3, 4),
            projection_bias=weights(3),
            proj_clip=0.4,
            output_state=runtime(2, 3, name="h"),
        )
