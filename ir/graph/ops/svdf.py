"""SVDF."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from tflgpuc.ir.graph.activation import activate
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.recurrent import verify_floats
from tflgpuc.ir.graph.sampling import runtime, weights
from tflgpuc.ir.graph.spatial import verify_activation
from tflgpuc.ir.graph.types import TensorType


class Svdf(Op, name="tfl.svdf", tflite="SVDF"):
    """A layer whose weights over time are of rank ``rank`` (Nakkiran et al., 2015).

    Filters' features of the last steps lie in ``activation_state``, [batch, filters * memory], the oldest
    first; each unit is the sum of ``rank`` filters weighted over time.
    """

    states: ClassVar[tuple[str, ...]] = ("activation_state",)

    input: Value
    weights_feature: Value
    weights_time: Value
    bias: Value | None = None
    activation_state: Value
    rank: int = 1
    fused_activation_function: str = "NONE"
    asymmetric_quantize_inputs: bool = False

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Batch, filters, memory and units."""
        filters, memory = self.weights_time.type.shape
        return self.input.type.shape[0], filters, memory, filters // self.rank

    def infer(self) -> tuple[TensorType, TensorType]:
        batch, _, _, units = self.sizes
        return TensorType("f32", (batch, units)), self.activation_state.type

    def verify(self) -> None:
        ranks = [v.type.rank for v in (self.input, self.weights_feature, self.weights_time)]
        self.check(ranks == [2, 2, 2], "input and weights have two axes each")
        verify_activation(self, self.fused_activation_function)
        verify_floats(self, self.weights_feature, self.weights_time, self.bias)
        batch, filters, memory, units = self.sizes
        self.check(self.rank > 0 and filters % self.rank == 0, f"{filters} of rank {self.rank}")
        fits = self.weights_feature.type.shape == (filters, self.input.type.shape[1])
        self.check(fits, f"weights_feature {self.weights_feature.type}")
        state = self.activation_state.type.shape
        self.check(state == (batch, filters * memory), f"state {self.activation_state.type}")
        self.check(self.bias is None or self.bias.type.shape == (units,), "bias of another size")

    def reference(
        self, input: Array, feature: Array, time: Array, bias: Array | None, state: Array
    ) -> tuple[Array, Array]:
        batch, filters, memory, units = self.sizes
        kept = state.reshape(batch, filters, memory)
        made = np.concatenate([kept[..., 1:], (input @ feature.T)[..., None]], -1)
        total = (made * time).sum(-1).reshape(batch, units, self.rank).sum(-1)
        total = total if bias is None else total + bias
        return activate(self.fused_activation_function, total), made.reshape(state.shape)

    def macs(self) -> int:
        return self.sizes[0] * (self.weights_feature.type.size + self.weights_time.type.size)

    @classmethod
    def samples(cls) -> Iterator[Svdf]:
        for rank, bias in ((1, weights(6)), (2, None)):
            yield cls(
                input=runtime(2, 3),
                weights_feature=weights(6, 3),
                weights_time=weights(6, 4),
                bias=bias,
                activation_state=runtime(2, 24, name="state"),
                rank=rank,
                fused_activation_function="RELU",
            )
