"""The operands of TFLite's full LSTM, which two operators have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.recurrent import GATES, verify_floats
from tflgpuc.ir.graph.spatial import verify_activation


@dataclass(frozen=True)
class Gate:
    """The constants of one gate; weights are [cells, inputs] and [cells, outputs]."""

    input: Array
    recurrent: Array
    bias: Array | None
    peephole: Array | None
    norm: Array | None


class FullLstm(Op):
    """A layer of long short-term memory with all its options; see ``recurrent.lstm_step``.

    Without weights of the input gate that gate is coupled to the forget gate. ``output_state`` is the
    output of the step before, [batch, outputs], ``cell_state`` [batch, cells].
    """

    states: ClassVar[tuple[str, ...]] = ("output_state", "cell_state")

    input: Value
    input_to_input_weights: Value | None = None
    input_to_forget_weights: Value
    input_to_cell_weights: Value
    input_to_output_weights: Value
    recurrent_to_input_weights: Value | None = None
    recurrent_to_forget_weights: Value
    recurrent_to_cell_weights: Value
    recurrent_to_output_weights: Value
    cell_to_input_weights: Value | None = None
    cell_to_forget_weights: Value | None = None
    cell_to_output_weights: Value | None = None
    input_gate_bias: Value | None = None
    forget_gate_bias: Value
    cell_gate_bias: Value
    output_gate_bias: Value
    projection_weights: Value | None = None
    projection_bias: Value | None = None
    output_state: Value
    cell_state: Value
    input_layer_norm_coefficients: Value | None = None
    forget_layer_norm_coefficients: Value | None = None
    cell_layer_norm_coefficients: Value | None = None
    output_layer_norm_coefficients: Value | None = None
    fused_activation_function: str = "TANH"
    cell_clip: float = 0.0
    proj_clip: float = 0.0
    asymmetric_quantize_inputs: bool = False

    @property
    def coupled(self) -> bool:
        """Whether the input gate is what the forget gate leaves."""
        return self.input_to_input_weights is None

    def gate(self, name: str) -> Gate:
        """The constants of the gate called input, forget, cell or output."""

        def data(field: str) -> Array | None:
            value = getattr(self, field, None)
            return None if value is None else value.constant

        weights, recurrent = data(f"input_to_{name}_weights"), data(f"recurrent_to_{name}_weights")
        assert weights is not None and recurrent is not None
        return Gate(
            weights,
            recurrent,
            data(f"{name}_gate_bias"),
            None if name == "cell" else data(f"cell_to_{name}_weights"),
            data(f"{name}_layer_norm_coefficients"),
        )

    @property
    def gates(self) -> tuple[str, ...]:
        """The names of the gates that have weights."""
        return GATES[1:] if self.coupled else GATES

    def verify(self) -> None:
        verify_activation(self, self.fused_activation_function)
        moving = (self.input, self.output_state, self.cell_state)
        verify_floats(self, *(v for v in self.operands if v not in moving))
        depth = self.input.type.shape[-1:]
        cells = self.cell_state.type.shape[-1:]
        outputs = self.output_state.type.shape[-1:]
        for name in self.gates:
            gate = self.gate(name)
            self.check(
                gate.input.shape == cells + depth, f"{name} gate: {gate.input.shape} weights"
            )
            fits = gate.recurrent.shape == cells + outputs
            self.check(fits, f"{name} gate: {gate.recurrent.shape} recurrent weights")
            for part in (gate.bias, gate.peephole, gate.norm):
                self.check(part is None or part.shape == cells, f"{name} gate: {cells} cells")
        projected = self.projection_weights
        shape = cells + cells if projected is None else projected.type.shape
        self.check(shape == outputs + cells, f"projection {shape} of {cells} to {outputs}")
        batch = self.output_state.type.shape[:1]
        self.check(
            self.output_state.type.rank == self.cell_state.type.rank == 2, "states are [B, C]"
        )
        self.check(self.cell_state.type.shape[:1] == batch, "the states' batches differ")
