"""Runs a graph again and again."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from itertools import count

import numpy as np

from tflgpuc.ir.errors import UnsupportedError
from tflgpuc.ir.graph.control import check_alike, check_operands, joined
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.less import Less
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import TensorType

# A loop that runs longer isn't worth to be waited for at compile time.
MAX_ITERATIONS = 1 << 16
# Counts those of a loop and of the loops in it together.
_ITERATIONS: ContextVar[Iterator[int] | None] = ContextVar("iterations", default=None)


class While(Op, name="tfl.while", tflite="WHILE"):
    """Gives ``inputs`` to ``body``, and its results to ``body`` again, as long as ``cond`` says so.

    ``cond`` takes the same values and gives one bool. A value whose shape the body changes is dynamic.
    """

    inputs: tuple[Value, ...]
    cond: Graph
    body: Graph

    def infer(self) -> tuple[TensorType, ...]:
        return tuple(
            joined(v.type, made.type)
            for v, made in zip(self.inputs, self.body.outputs, strict=True)
        )

    def verify(self) -> None:
        check_operands(self.inputs, self.cond, "condition")
        check_operands(self.inputs, self.body, "body")
        made = [v.type for v in self.body.outputs]
        check_alike([v.type for v in self.inputs], made, "the body's result", resized=True)
        answers = [v.type for v in self.cond.outputs]
        self.check(len(answers) == 1, f"{len(answers)} conditions")
        one = answers[0].dtype == "bool" and (answers[0].dynamic or answers[0].size == 1)
        self.check(one, f"the condition is {answers[0]}")

    def reference(self, inputs: list[Array]) -> tuple[Array, ...]:
        iterations = _ITERATIONS.get() or count()
        token = _ITERATIONS.set(iterations)
        try:
            values = list(inputs)
            while self.cond.evaluate(values)[0].reshape(-1)[0]:
                if next(iterations) >= MAX_ITERATIONS:
                    raise UnsupportedError(f"{self.describe()}: runs too long to be evaluated")
                values = self.body.evaluate(values)
            return tuple(values)
        finally:
            _ITERATIONS.reset(token)

    @classmethod
    def samples(cls) -> Iterator[While]:
        for limit in (3, 0):
            yield cls(
                inputs=(constant(np.array(0, np.int32)), runtime(2, 3)),
                cond=_below(limit),
                body=_doubling(),
            )


def _loop_values() -> tuple[Value, Value]:
    return Value(TensorType("i32", ()), "i"), Value(TensorType("f32", (2, 3)), "x")


def _number(n: int) -> Constant:
    return Constant(data=np.array(n, np.int32), type=TensorType("i32", ()))


def _below(limit: int) -> Graph:
    i, x = _loop_values()
    most = _number(limit)
    less = Less(lhs=i, rhs=most.result)
    return Graph((i, x), (most, less), less.results, name="cond", output_names=("go",))


def _doubling() -> Graph:
    i, x = _loop_values()
    one = _number(1)
    count, twice = Add(lhs=i, rhs=one.result), Add(lhs=x, rhs=x)
    outputs = (count.result, twice.result)
    return Graph((i, x), (one, count, twice), outputs, name="body", output_names=("next", "twice"))
