"""FULLY_CONNECTED."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tflgpuc.ir.graph.activation import activate
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.sampling import runtime, weights
from tflgpuc.ir.graph.spatial import verify_activation, verify_bias
from tflgpuc.ir.graph.types import TensorType


class FullyConnected(Op, name="tfl.fully_connected", tflite="FULLY_CONNECTED"):
    """input @ weights.T + bias, then the activation; ``weights`` are [out, in].

    The input is read as rows of ``in`` elements whatever its shape; the result is [rows, out], or,
    with ``keep_num_dims``, the input's shape with the last axis replaced.
    """

    input: Value
    weights: Value
    bias: Value | None = None
    fused_activation_function: str = "NONE"
    weights_format: str = "DEFAULT"
    keep_num_dims: bool = False
    asymmetric_quantize_inputs: bool = False
    quantized_bias_type: str = "FLOAT32"

    def infer(self) -> TensorType:
        out, depth = self.weights.type.shape
        shape = self.input.type.shape
        made = (*shape[:-1], out) if self.keep_num_dims else (math.prod(shape) // depth, out)
        return TensorType(self.input.type.dtype, made)

    def verify(self) -> None:
        weights, shape = self.weights.type, self.input.type.shape
        self.check(weights.rank == 2 and weights.size > 0, f"weights must be [O, I], not {weights}")
        self.check(self.weights_format == "DEFAULT", f"weights_format {self.weights_format}")
        out, depth = weights.shape
        self.check(math.prod(shape) % depth == 0, f"{self.input.type} makes no rows of {depth}")
        if self.keep_num_dims:
            self.check(shape[-1:] == (depth,), f"{self.input.type} with weights {weights}")
        verify_bias(self, self.bias, out)
        verify_activation(self, self.fused_activation_function)

    def reference(self, input: Array, weights: Array, bias: Array | None = None) -> Array:
        if input.dtype.kind == "f":
            weights = self.weights.type.real(weights)
        made = (input.reshape(-1, weights.shape[1]) @ weights.T).reshape(self.infer().shape)
        if bias is not None:
            made = made + bias.ravel()
        return activate(self.fused_activation_function, made.astype(input.dtype, copy=False))

    def macs(self) -> int:
        return self.infer().size * self.weights.type.shape[1]

    @classmethod
    def samples(cls) -> Iterator[FullyConnected]:
        yield cls(input=runtime(1, 8), weights=weights(5, 8), bias=weights(5))
        yield cls(input=runtime(2, 7), weights=weights(3, 7), fused_activation_function="RELU")
        yield cls(input=runtime(1, 2, 3, 4), weights=weights(6, 24), bias=weights(6))
        yield cls(input=runtime(2, 3, 4), weights=weights(1, 4), bias=weights(1))
        yield cls(
            input=runtime(2, 3, 4), weights=weights(5, 4), bias=weights(5), keep_num_dims=True
        )
        yield cls(input=runtime(6), weights=weights(4, 6), fused_activation_function="RELU_N1_TO_1")
