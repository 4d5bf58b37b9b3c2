"""Magnitudes of Fourier transforms as products of matrices: no kernel holds complex numbers."""

from __future__ import annotations

import math

import numpy as np

from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Array, Value
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.complex_abs import ComplexAbs
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.fully_connected import FullyConnected
from tflgpuc.ir.graph.ops.reshape import Reshape
from tflgpuc.ir.graph.ops.rfft2d import Rfft2d
from tflgpuc.ir.graph.ops.slice import Slice
from tflgpuc.ir.graph.ops.sqrt import Sqrt
from tflgpuc.ir.graph.ops.square import Square
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import GraphPass
from tflgpuc.passes.rules import Match, Rules
from tflgpuc.passes.spelling import ints, reshaped

# Longer transforms take a fast algorithm, and one matrix of this size takes 4 MiB already.
LONGEST = 1024

spectra = Rules("spectra")


class Spectra(GraphPass, name="spectra"):
    """Computes magnitudes of one-dimensional Fourier transforms by matrices of sines and cosines."""

    def run(self, graph: Graph, target: Target) -> Graph:
        return spectra.apply(graph, target)


@spectra
def magnitudes_by_matrices(op: ComplexAbs, match: Match) -> Value | None:
    """COMPLEX_ABS of RFFT2D of single rows, with reshapes in between."""
    value = op.input
    while isinstance(value.op, Reshape):
        value = value.op.tensor
    transform = value.op
    if not isinstance(transform, Rfft2d) or value.type.dynamic:
        return match.no("its operand isn't just a transform of known shape")
    height, width = transform.lengths
    if height > 1 or width > LONGEST:
        return match.no("the transform has two dimensions, or is long")
    signal = transform.input
    *outer, rows, given = signal.type.shape
    taken = min(given, width)
    if not math.prod(outer) or not rows or not taken:
        return match.no("the signal is empty")
    if (rows, given) != (1, taken):
        cut = [*outer, 1, taken]
        begin = ints([0] * len(cut))
        signal = Slice(input=signal, begin=begin, size=ints(cut)).result
    flat = reshaped(signal, (math.prod(outer), taken))
    angles = np.outer(np.arange(width // 2 + 1), np.arange(taken)) % width * (2 * np.pi / width)
    real, imaginary = (Square(x=_product(flat, m)).result for m in (np.cos(angles), np.sin(angles)))
    power = Add(lhs=real, rhs=imaginary).result
    return reshaped(Sqrt(x=power, names=op.names).result, op.result.type.shape)


def _product(rows: Value, matrix: Array) -> Value:
    data = matrix.astype(np.float32)
    weights = Constant(data=data, type=TensorType("f32", data.shape)).result
    return FullyConnected(input=rows, weights=weights).result
