"""Spells recurrent layers as fully connected ones and arithmetic, step by step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tflgpuc.ir.graph.fused_activation import activation
from tflgpuc.ir.graph.lstm import FullLstm
from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.basic_lstm import BasicLstm
from tflgpuc.ir.graph.ops.concatenation import Concatenation
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.div import Div
from tflgpuc.ir.graph.ops.fully_connected import FullyConnected
from tflgpuc.ir.graph.ops.logistic import Logistic
from tflgpuc.ir.graph.ops.lstm import Lstm
from tflgpuc.ir.graph.ops.maximum import Maximum
from tflgpuc.ir.graph.ops.mean import Mean
from tflgpuc.ir.graph.ops.minimum import Minimum
from tflgpuc.ir.graph.ops.mul import Mul
from tflgpuc.ir.graph.ops.rnn import Rnn
from tflgpuc.ir.graph.ops.slice import Slice
from tflgpuc.ir.graph.ops.sqrt import Sqrt
from tflgpuc.ir.graph.ops.square import Square
from tflgpuc.ir.graph.ops.sub import Sub
from tflgpuc.ir.graph.ops.sum import Sum
from tflgpuc.ir.graph.ops.svdf import Svdf
from tflgpuc.ir.graph.ops.tanh import Tanh
from tflgpuc.ir.graph.ops.unidirectional_sequence_lstm import UnidirectionalSequenceLstm
from tflgpuc.ir.graph.ops.unidirectional_sequence_rnn import UnidirectionalSequenceRnn
from tflgpuc.ir.graph.recurrent import EPSILON
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.passes.rules import Match
from tflgpuc.passes.spelling import decompositions, ints, reshaped


def floats(data: Array | float) -> Value:
    """A constant of f32."""
    array = np.asarray(data, np.float32)
    return Constant(data=array, type=TensorType("f32", array.shape)).result


def layer(x: Value, weights: Value, bias: Value | None = None) -> Value:
    """The rows of x times the transposed weights, plus the bias."""
    return FullyConnected(input=x, weights=weights, bias=bias).result


def joined(values: list[Value], axis: int) -> Value:
    """Values one after the other."""
    return Concatenation(values=tuple(values), axis=axis).result


def part(value: Value, axis: int, start: int, size: int) -> Value:
    """A stretch of a value along an axis."""
    shape = value.type.shape
    begin = [start if i == axis else 0 for i in range(len(shape))]
    extent = [size if i == axis else e for i, e in enumerate(shape)]
    return Slice(input=value, begin=ints(begin), size=ints(extent)).result


def steps(value: Value, axis: int) -> list[Value]:
    """The [batch, inputs] of each step of a sequence."""
    shape = value.type.shape
    flat = shape[:axis] + shape[axis + 1 :]
    return [reshaped(part(value, axis, t, 1), flat) for t in range(shape[axis])]


def stacked(values: list[Value], axis: int) -> Value:
    """The sequence of each step's [batch, outputs]."""
    batch, outputs = values[0].type.shape
    shape = (1, batch, outputs) if axis == 0 else (batch, 1, outputs)
    return joined([reshaped(v, shape) for v in values], axis)


def clipped(value: Value, limit: float) -> Value:
    """``value`` within the limit on both sides; 0 is none."""
    if limit <= 0:
        return value
    below = Minimum(lhs=value, rhs=floats(limit)).result
    return Maximum(lhs=below, rhs=floats(-limit)).result


def normalized(value: Value, coefficients: Array) -> Value:
    """``value`` less its mean, over its deviation, times the coefficients; along the last axis."""
    last = ints([1])
    centred = Sub(lhs=value, rhs=Mean(input=value, axis=last, keep_dims=True).result).result
    variance = Mean(input=Square(x=centred).result, axis=last, keep_dims=True).result
    deviation = Sqrt(x=Add(lhs=variance, rhs=floats(EPSILON)).result).result
    return Mul(lhs=Div(lhs=centred, rhs=deviation).result, rhs=floats(coefficients)).result


@dataclass(frozen=True)
class Cell:
    """What the steps of one LSTM share: its constants."""

    op: FullLstm
    weights: dict[str, tuple[Value, Value | None]]
    peepholes: dict[str, Value]
    projection: tuple[Value, Value | None] | None

    @staticmethod
    def of(op: FullLstm) -> Cell:
        """The cell of an op, with each gate's weights of the input beside those of the output."""
        weights: dict[str, tuple[Value, Value | None]] = {}
        peepholes = {}
        for name in op.gates:
            g = op.gate(name)
            matrix = floats(np.concatenate([g.input, g.recurrent], 1))
            weights[name] = matrix, None if g.bias is None else floats(g.bias)
            if g.peephole is not None:
                peepholes[name] = floats(g.peephole)
        projection = None
        if op.projection_weights is not None:
            projection = op.projection_weights, op.projection_bias
        return Cell(op, weights, peepholes, projection)

    def step(self, x: Value, h: Value, c: Value) -> tuple[Value, Value]:
        """One step: the new output and cell state; see ``ir.graph.recurrent.lstm_step``."""
        op, both = self.op, joined([x, h], 1)
        forget = Logistic(x=self.gate("forget", both, c)).result
        kept = Sub(lhs=floats(1.0), rhs=forget).result
        if not op.coupled:
            kept = Logistic(x=self.gate("input", both, c)).result
        made = activation(op.fused_activation_function, self.gate("cell", both, c))
        cell = Add(lhs=Mul(lhs=forget, rhs=c).result, rhs=Mul(lhs=kept, rhs=made).result).result
        cell = clipped(cell, op.cell_clip)
        opened = Logistic(x=self.gate("output", both, cell)).result
        out = Mul(lhs=opened, rhs=activation(op.fused_activation_function, cell)).result
        if self.projection is not None:
            out = clipped(layer(out, *self.projection), op.proj_clip)
        return out, cell

    def gate(self, name: str, both: Value, cell: Value) -> Value:
        """A gate before its function."""
        weights, bias = self.weights[name]
        norm = self.op.gate(name).norm
        total = layer(both, weights, bias if norm is None else None)
        if name in self.peepholes:
            total = Add(lhs=total, rhs=Mul(lhs=cell, rhs=self.peepholes[name]).result).result
        if norm is None:
            return total
        total = normalized(total, norm)
        return total if bias is None else Add(lhs=total, rhs=bias).result


@decompositions
def sequence_of_lstm_steps(op: UnidirectionalSequenceLstm, match: Match) -> tuple[Value, ...]:
    """UNIDIRECTIONAL_SEQUENCE_LSTM is a step after the other."""
    cell, h, c = Cell.of(op), op.output_state, op.cell_state
    made = []
    for x in steps(op.input, op.time_axis):
        h, c = cell.step(x, h, c)
        made.append(h)
    return stacked(made, op.time_axis), h, c


@decompositions
def lstm_is_arithmetic(op: Lstm, match: Match) -> tuple[Value, ...]:
    """LSTM is four layers and arithmetic."""
    h, c = Cell.of(op).step(op.input, op.output_state, op.cell_state)
    return h, h, c


@decompositions
def basic_lstm_is_arithmetic(op: BasicLstm, match: Match) -> tuple[Value, ...]:
    """A basic LSTM is one layer and arithmetic on the quarters of its result."""
    both = joined([op.input, op.prev_activation], 1)
    gates = layer(both, op.weights, op.biases)
    cells = op.prev_state.type.shape[1]
    i, new, forget, out = (part(gates, 1, n * cells, cells) for n in range(4))
    kept = Mul(lhs=Logistic(x=forget).result, rhs=op.prev_state).result
    added = Mul(lhs=Logistic(x=i).result, rhs=Tanh(x=new).result).result
    cell = Add(lhs=added, rhs=kept).result
    made = Mul(lhs=Logistic(x=out).result, rhs=Tanh(x=cell).result).result
    return made, cell, both, gates


def rnn_matrix(op: Rnn | UnidirectionalSequenceRnn) -> Value:
    """The weights of the input beside those of the state."""
    matrices = (op.weights.static("weights"), op.recurrent_weights.static("recurrent_weights"))
    return floats(np.concatenate(matrices, 1))


@decompositions
def rnn_is_a_layer(op: Rnn, match: Match) -> tuple[Value, ...]:
    """RNN is a layer of its input beside its state."""
    made = layer(joined([op.input, op.hidden_state], 1), rnn_matrix(op), op.bias)
    h = activation(op.fused_activation_function, made)
    return h, h


@decompositions
def sequence_of_rnn_steps(op: UnidirectionalSequenceRnn, match: Match) -> tuple[Value, ...]:
    """UNIDIRECTIONAL_SEQUENCE_RNN is a step after the other."""
    weights, h, found = rnn_matrix(op), op.hidden_state, []
    for x in steps(op.input, op.time_axis):
        made = layer(joined([x, h], 1), weights, op.bias)
        h = activation(op.fused_activation_function, made)
        found.append(h)
    return stacked(found, op.time_axis), h


@decompositions
def svdf_is_arithmetic(op: Svdf, match: Match) -> tuple[Value, ...]:
    """SVDF adds a column of features to its memory and sums it with weights."""
    batch, filters, memory, units = op.sizes
    features = layer(op.input, op.weights_feature)
    newest = reshaped(features, (batch, filters, 1))
    kept = reshaped(op.activation_state, (batch, filters, memory))
    columns = [part(kept, 2, 1, memory - 1), newest] if memory > 1 else [newest]
    made = joined(columns, 2)
    weighted = Mul(lhs=made, rhs=op.weights_time).result
    grouped = reshaped(weighted, (batch, units, op.rank * memory))
    total = reshaped(Sum(input=grouped, axis=ints([2]), keep_dims=True).result, (batch, units))
    if op.bias is not None:
        total = Add(lhs=total, rhs=op.bias).result
    total = activation(op.fused_activation_function, total)
    return total, reshaped(made, op.activation_state.type.shape)
