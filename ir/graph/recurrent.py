"""What recurrent operators share: float cells in NumPy, and the checks of their many operands."""

from __future__ import annotations

from typing import Any

import numpy as np

from tflgpuc.ir.errors import UnsupportedError
from tflgpuc.ir.graph.activation import activate
from tflgpuc.ir.graph.op import Array, Op, Value

# More steps than this are not unrolled; TFLite runs them.
MAX_STEPS = 256
# What layer normalisation adds to a variance.
EPSILON = 1e-8
GATES = ("input", "forget", "cell", "output")


def verify_floats(op: Op, *constants: Value | None) -> None:
    """Raises UnsupportedError unless everything is f32, and these operands are constants."""
    for operand in op.operands:
        if operand.type.dtype != "f32":
            raise UnsupportedError(f"{op.describe()}: an operand is {operand.type.dtype}")
    for value in constants:
        if value is not None and value.constant is None:
            raise UnsupportedError(f"{op.describe()}: its weights are computed at run time")


def verify_steps(op: Op, steps: int) -> None:
    """Raises UnsupportedError where a sequence is too long to unroll."""
    if not 0 < steps <= MAX_STEPS:
        raise UnsupportedError(f"{op.describe()}: {steps} steps, 1 to {MAX_STEPS} are unrolled")


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    return np.asarray(1 / (1 + np.exp(-x)))


def clipped(x: Array, limit: float) -> Array:
    """``x`` within the limit on both sides; 0 is none."""
    return np.clip(x, -limit, limit) if limit > 0 else x


def rnn_step(op: Any, x: Array, h: Array) -> Array:
    """One step of a plain recurrent layer: the new hidden state."""
    made = x @ op.weights.constant.T + h @ op.recurrent_weights.constant.T + op.bias.constant
    return activate(op.fused_activation_function, made)


def lstm_step(op: Any, x: Array, h: Array, c: Array) -> tuple[Array, Array]:
    """One step of TFLite's full LSTM: the new output and cell state.

    Gates are sigmoid (cell: the activation) of input and recurrent products, peephole products of the
    cell, and biases, normalised over the layer where there are coefficients. Without an input gate
    it is what the forget gate leaves (Gers et al., 1999; Sak et al., 2014; Ba et al., 2016).
    """

    def gate(name: str, cell: Array) -> Array:
        weights = op.gate(name)
        total = x @ weights.input.T + h @ weights.recurrent.T
        if weights.peephole is not None:
            total = total + cell * weights.peephole
        if weights.norm is not None:
            centred = total - total.mean(-1, keepdims=True)
            variance = np.square(centred).mean(-1, keepdims=True)
            total = centred / np.sqrt(variance + EPSILON) * weights.norm
        return np.asarray(total if weights.bias is None else total + weights.bias)

    forget = sigmoid(gate("forget", c))
    kept = 1 - forget if op.coupled else sigmoid(gate("input", c))
    made = activate(op.fused_activation_function, gate("cell", c))
    cell = clipped(forget * c + kept * made, op.cell_clip)
    out = sigmoid(gate("output", cell)) * activate(op.fused_activation_function, cell)
    if op.projection_weights is not None:
        out = out @ op.projection_weights.constant.T
        if op.projection_bias is not None:
            out = out + op.projection_bias.constant
        out = clipped(out, op.proj_clip)
    return out.astype(np.float32), cell.astype(np.float32)
