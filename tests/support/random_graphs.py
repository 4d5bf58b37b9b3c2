"""Random graphs of TFLite's operators that LiteRT runs, with inputs that keep comparison meaningful.

Every value has a Fact: the interval that it lies in, and whether it is exact, the same bits on every
device. Ops that jump, such as FLOOR, take exact operands only; ops that amplify errors, such as DIV,
operands from where they hardly do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.text import print_graph
from tflgpuc.ir.graph.types import DTYPES, NUMPY, DType, TensorType

MAX_SIZE = 600
# Values beyond this are outputs, but nothing reads them.
LARGE = 100.0
SPECIAL = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-40, -1e-40, 1.0)


@dataclass(frozen=True)
class Fact:
    """What is known of a value's elements."""

    low: float
    high: float
    exact: bool = True

    @property
    def bound(self) -> float:
        """The largest magnitude."""
        return max(abs(self.low), abs(self.high))


class RandomGraph:
    """A graph and the intervals of its inputs; ``special`` ones get NaNs and the like too."""

    def __init__(self, graph: Graph, facts: dict[Value, Fact], seed: int, special: bool) -> None:
        self.graph, self.facts, self.seed, self.special = graph, facts, seed, special

    def arrays(self) -> list[Array]:
        """The inputs."""
        rng = np.random.default_rng(self.seed)
        made = []
        for value in self.graph.inputs:
            array = drawn(rng, value.type, self.facts[value])
            if self.special and array.dtype.kind == "f":
                chosen = rng.integers(0, 3 * len(SPECIAL), array.shape)
                for i, number in enumerate(SPECIAL):
                    array = np.where(chosen == i, np.float32(number), array)
            made.append(array)
        return made

    def __repr__(self) -> str:
        """The graph's text: what a failing test shows."""
        return f"seed {self.seed}{', special' if self.special else ''}\n{print_graph(self.graph)}"


def drawn(rng: np.random.Generator, type: TensorType, fact: Fact) -> Array:
    """An array of the type within the fact's interval."""
    dtype = NUMPY[type.dtype]
    if dtype.kind == "f":
        return np.asarray(rng.uniform(fact.low, fact.high, type.shape), dtype)
    low, high = math.ceil(fact.low), math.floor(fact.high)
    return np.asarray(rng.integers(low, high, type.shape, endpoint=True), dtype)


class Builder:
    """A graph under construction, and choices that hypothesis makes and shrinks."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any], special: bool) -> None:
        self._draw, self.special = draw, special
        self.rng = np.random.default_rng(self.integer(0, 999))
        self.facts: dict[Value, Fact] = {}
        self.inputs: list[Value] = []
        self.ops: dict[Op, None] = {}

    # --- choices ---

    def integer(self, low: int, high: int) -> int:
        """A number; the low one is the simplest."""
        return int(self._draw(st.integers(low, high)))

    def choice(self, items: Sequence[Any]) -> Any:
        """One of the items; the first is the simplest."""
        return items[self.integer(0, len(items) - 1)]

    def flag(self) -> bool:
        """True or false, which is the simpler."""
        return bool(self._draw(st.booleans()))

    def shape(self, low: int = 0, high: int = 6) -> tuple[int, ...]:
        """A shape of ``low`` to ``high`` axes and not too many elements."""
        found: list[int] = []
        for _ in range(self.integer(low, high)):
            most = max(1, min(9, MAX_SIZE // math.prod(found)))
            found.append(self.integer(1, most))
        return tuple(found)

    def image(self) -> tuple[int, int, int, int]:
        """An NHWC shape: batches, odd channels, sizes that no window divides."""
        return (
            self.integer(1, 2),
            self.integer(1, 9),
            self.integer(1, 9),
            self.choice((1, 2, 3, 4, 5, 7, 8, 9)),
        )

    # --- values ---

    def data(self, shape: Sequence[int], low: float, high: float, dtype: DType = "f32") -> Array:
        """Random numbers."""
        return drawn(self.rng, TensorType(dtype, tuple(shape)), Fact(low, high))

    def constant(self, array: Array | Sequence[int] | int | float) -> Value:
        """A constant; plain ints become i32, floats f32."""
        data = np.asarray(array)
        if not isinstance(array, np.ndarray):
            data = data.astype(np.float32 if data.dtype.kind == "f" else np.int32)
        made = Constant(data=data, type=TensorType(DTYPES[data.dtype], data.shape)).result
        low, high = (data.min(), data.max()) if data.size else (0, 0)
        self.facts[made] = Fact(float(low), float(high))
        return made

    def input(self, dtype: DType, shape: tuple[int, ...], low: float, high: float) -> Value:
        """A new input of the graph."""
        made = Value(TensorType(dtype, shape), f"in{len(self.inputs)}")
        self.inputs.append(made)
        self.facts[made] = Fact(low, high)
        return made

    def value(
        self,
        dtype: DType = "f32",
        *,
        rank: tuple[int, int] = (0, 6),
        shape: Callable[[], tuple[int, ...]] | None = None,
        fits: Callable[[TensorType], bool] = lambda type: True,
        low: float = -LARGE,
        high: float = LARGE,
        exact: bool = False,
    ) -> Value:
        """A new input, or a value that is there and that the op may read.

        ``shape`` makes the new input's shape. Special graphs have no intervals.
        """
        listed = [*self.inputs, *(v for op in self.ops for v in op.results)]
        able = [v for v in listed if self._fits(v, dtype, rank, low, high, exact) and fits(v.type)]
        # Half of the time the newest: ops in a row are what is fused.
        index = self.integer(0, 2 * len(able))
        if index:
            return able[-index] if index <= len(able) else able[-1]
        wide = dtype in ("f32", "i32")
        low, high = (max(low, -4.0), min(high, 4.0)) if wide else (0, 1)
        return self.input(dtype, shape() if shape else self.shape(*rank), low, high)

    def _fits(
        self,
        value: Value,
        dtype: DType,
        rank: tuple[int, int],
        low: float,
        high: float,
        exact: bool,
    ) -> bool:
        fact, type = self.facts[value], value.type
        within = (fact.low >= low and fact.high <= high) or dtype == "bool"
        return (
            type.dtype == dtype
            and rank[0] <= type.rank <= rank[1]
            and 0 < type.size <= MAX_SIZE
            and (self.special or (within and (fact.exact or not exact)))
        )

    # --- ops ---

    def emit(self, op: Op, fact: Fact) -> None:
        """Adds an op; the fact is that of every result."""
        names = tuple(f"v{len(self.ops)}_{i}" for i in range(len(op.results)))
        op = replace(op, names=names)
        op.verify()
        self.ops.update(dict.fromkeys(v.op for v in op.operands if isinstance(v.op, Constant)))
        self.ops[op] = None
        self.facts.update(dict.fromkeys(op.results, fact))

    def results(self) -> list[Value]:
        """What the ops compute."""
        return [v for op in self.ops if not isinstance(op, Constant) for v in op.results]

    def finish(self, seed: int) -> RandomGraph:
        """The graph, whose outputs are what nothing reads, and now and then something else too."""
        read = {v for op in self.ops for v in op.operands}
        made = self.results()
        outputs = [v for v in made if v not in read]
        if len(made) > len(outputs) and self.flag():
            outputs.append(self.choice([v for v in made if v in read]))
        inputs = tuple(v for v in self.inputs if v in read)
        graph = Graph(
            inputs,
            tuple(self.ops),
            tuple(outputs),
            input_names=tuple(v.name for v in inputs),
            output_names=tuple(v.name for v in outputs),
        )
        graph.verify()
        return RandomGraph(graph, self.facts, seed, self.special)


Maker = Callable[[Builder], None]


@st.composite
def random_graphs(
    draw: Callable[[st.SearchStrategy[Any]], Any],
    makers: Sequence[Maker],
    steps: int = 8,
    special: bool = False,
) -> RandomGraph:
    """Graphs of one to ``steps`` ops, each from one of the makers."""
    builder = Builder(draw, special)
    for maker in draw(st.lists(st.sampled_from(makers), min_size=1, max_size=steps)):
        maker(builder)
    if not builder.results():
        makers[0](builder)
    return builder.finish(builder.integer(0, 999))
