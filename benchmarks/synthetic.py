"""Models made up for measuring the compiler: graphs of any number of operators, weights of any size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tflgpuc.backends.tflite.writer import write
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tflgpuc.ir.graph.ops.fully_connected import FullyConnected
from tflgpuc.ir.graph.ops.hard_swish import HardSwish
from tflgpuc.ir.graph.types import TensorType

SIDE, CHANNELS = 16, 16


class Maker:
    """Collects the ops of a graph in order; constants aren't counted as operators."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.input = Value(TensorType("f32", shape), "input")
        self.ops: list[Op] = []
        self.count = 0
        self._rng = np.random.default_rng(0)

    def add(self, op: Op) -> Value:
        """Appends an operator."""
        self.ops.append(op)
        self.count += 1
        return op.result

    def weights(self, *shape: int) -> Value:
        """A constant of its own, small enough for results to stay finite."""
        data = self._rng.standard_normal(shape, np.float32)
        data *= np.float32(0.1)
        constant = Constant(data=data, type=TensorType("f32", shape))
        self.ops.append(constant)
        return constant.result

    def graph(self, output: Value) -> Graph:
        """The graph that computes ``output``."""
        return Graph(
            (self.input,), tuple(self.ops), (output,), input_names=("input",),
            output_names=("output",),
        )  # fmt: skip


def residual(count: int) -> Graph:
    """``count`` operators in blocks of five as vision models have them, each added to what it read."""
    made = Maker((1, SIDE, SIDE, CHANNELS))
    x = made.input
    while made.count < count:
        steps: tuple[Callable[[Value], Op], ...] = (
            lambda v: Conv2D(input=v, filter=made.weights(CHANNELS, 1, 1, CHANNELS)),
            lambda v: HardSwish(x=v),
            lambda v: DepthwiseConv2D(input=v, filter=made.weights(1, 3, 3, CHANNELS)),
            lambda v: Conv2D(input=v, filter=made.weights(CHANNELS, 3, 3, CHANNELS)),
            lambda v, x=x: Add(lhs=x, rhs=v),  # type: ignore[misc]
        )
        for step in steps[: count - made.count]:
            x = made.add(step(x))
    return made.graph(x)


def nested(count: int) -> Graph:
    """``count`` operators down and up again, as in a U-Net: half of the results live long."""
    made = Maker((1, SIDE, SIDE, CHANNELS))
    x, kept = made.input, []
    for _ in range(max(1, count // 3)):
        x = made.add(Conv2D(input=x, filter=made.weights(CHANNELS, 1, 1, CHANNELS)))
        kept.append(x)
    while made.count < count:
        x = made.add(
            Add(lhs=x, rhs=kept.pop())
            if kept and made.count % 2
            else Conv2D(input=x, filter=made.weights(CHANNELS, 1, 1, CHANNELS))
        )
    return made.graph(x)


def heavy(size: int, constants: int = 8) -> Graph:
    """Fully connected layers whose weights take about ``size`` bytes, in so many constants."""
    width = max(8, int((size / constants / 4) ** 0.5) // 8 * 8)
    made = Maker((1, width))
    x = made.input
    for _ in range(constants):
        x = made.add(FullyConnected(input=x, weights=made.weights(width, width)))
    return made.graph(x)


SHAPES: dict[str, Callable[[int], Graph]] = {"residual": residual, "nested": nested}


def save(graph: Graph, path: Path) -> Path:
    """Writes the model's file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(write(graph))
    return path
