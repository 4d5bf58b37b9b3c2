"""gpu.dense_chain: the mean of a picture, if wanted, then pointwise layers, as one computation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import OPS, Array, Op, Value
from tflgpuc.ir.graph.ops.relu import Relu
from tflgpuc.ir.graph.sampling import runtime, weights
from tflgpuc.ir.graph.types import TensorType


class DenseChain(Op, name="gpu.dense_chain"):
    """Layers of one pixel: each multiplies by its [out, in] weights and adds its bias.

    The input is [N, H, W, C]; its mean over H and W is what the first layer reads, so H and W are 1
    where there is nothing to pool. ``activations`` name the elementwise op, if any, between each layer
    and the next; the result is [N, 1, 1, out].
    """

    input: Value
    weights: tuple[Value, ...]
    biases: tuple[Value, ...]
    activations: tuple[str, ...] = ()

    def infer(self) -> TensorType:
        n = self.input.type.shape[0]
        return TensorType(self.input.type.dtype, (n, 1, 1, self.weights[-1].type.shape[0]))

    def verify(self) -> None:
        self.check(self.input.type.rank == 4, f"{self.input.type} isn't NHWC")
        self.check(len(self.weights) == len(self.biases) > 0, "each layer has weights and a bias")
        self.check(len(self.activations) == len(self.weights) - 1, "activations lie between layers")
        depth = self.input.type.shape[3]
        for matrix, bias in zip(self.weights, self.biases, strict=True):
            self.check(matrix.type.rank == 2, f"weights must be [O, I], not {matrix.type}")
            out, given = matrix.type.shape
            self.check(given == depth, f"weights {matrix.type} of {depth} channels")
            self.check(bias.type.shape == (out,), f"bias {bias.type} of {out} channels")
            depth = out
        for name in self.activations:
            known = not name or (name in OPS and issubclass(OPS[name], Unary))
            self.check(known, f"no elementwise op of one operand is named {name!r}")

    @property
    def between(self) -> tuple[Unary | None, ...]:
        """The elementwise op that each layer's result goes through; None after the last."""
        found: list[Unary | None] = []
        for matrix, name in zip(self.weights, (*self.activations, ""), strict=True):
            cls = OPS[name] if name else None
            made = None
            if cls is not None and issubclass(cls, Unary):
                made = cls(x=Value(TensorType("f32", (matrix.type.shape[0],))))
            found.append(made)
        return tuple(found)

    def reference(self, input: Array, weights: Sequence[Array], biases: Sequence[Array]) -> Array:
        value = input.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
        for matrix, bias, op in zip(weights, biases, self.between, strict=True):
            value = value @ matrix.T + bias
            if op is not None:
                (value,) = op.evaluate({op.x: value})
        return np.asarray(value, input.dtype)

    def macs(self) -> int:
        return self.input.type.shape[0] * sum(m.type.size for m in self.weights)

    @classmethod
    def samples(cls) -> Iterator[DenseChain]:
        one = runtime(1, 1, 1, 6)
        yield cls(input=one, weights=(weights(5, 6),), biases=(weights(5),))
        yield cls(
            input=runtime(2, 5, 3, 12),
            weights=(weights(7, 12), weights(12, 7)),
            biases=(weights(7), weights(12)),
            activations=(Relu.name,),
        )
        yield cls(
            input=runtime(1, 9, 33, 3),
            weights=(weights(40, 3), weights(130, 40), weights(9, 130)),
            biases=(weights(40), weights(130), weights(9)),
            activations=("tfl.hard_swish", ""),
        )
        # More slices of outputs than a group has invocations.
        yield cls(
            input=runtime(1, 2, 2, 4),
            weights=(weights(1030, 4), weights(3, 1030)),
            biases=(weights(1030), weights(3)),
            activations=("tfl.logistic",),
        )
