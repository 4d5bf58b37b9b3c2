"""Runs one of two graphs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.control import check_alike, check_operands, joined
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.mul import Mul
from tflgpuc.ir.graph.ops.sub import Sub
from tflgpuc.ir.graph.sampling import constant, runtime
from tflgpuc.ir.graph.types import TensorType


class If(Op, name="tfl.if", tflite="IF"):
    """``then_branch`` where the one element of ``cond`` is true, else ``else_branch``.

    Both take ``inputs``; where the branches' results differ in shape, the op's are dynamic.
    """

    cond: Value
    inputs: tuple[Value, ...]
    then_branch: Graph
    else_branch: Graph

    def infer(self) -> tuple[TensorType, ...]:
        return tuple(
            joined(a.type, b.type)
            for a, b in zip(self.then_branch.outputs, self.else_branch.outputs, strict=True)
        )

    def verify(self) -> None:
        self.check(self.cond.type.dtype == "bool", f"the condition is {self.cond.type}")
        known = not self.cond.type.dynamic
        self.check(not known or self.cond.type.size == 1, f"the condition is {self.cond.type}")
        check_operands(self.inputs, self.then_branch, "branch")
        check_operands(self.inputs, self.else_branch, "branch")
        then, other = ([v.type for v in g.outputs] for g in (self.then_branch, self.else_branch))
        check_alike(then, other, "the other branch's result", resized=True)

    def reference(self, cond: Array, inputs: list[Array]) -> tuple[Array, ...]:
        branch = self.then_branch if cond.reshape(-1)[0] else self.else_branch
        return tuple(branch.evaluate(inputs))

    @classmethod
    def samples(cls) -> Iterator[If]:
        for flag in (True, False):
            yield cls(
                cond=constant(np.array(flag)),
                inputs=(runtime(2, 3), runtime(3, name="y")),
                then_branch=_binary(Mul, "then"),
                else_branch=_binary(Sub, "else"),
            )


def _binary(cls: type[Mul | Sub], name: str) -> Graph:
    x, y = (Value(TensorType("f32", shape), n) for shape, n in (((2, 3), "x"), ((3,), "y")))
    op = cls(lhs=x, rhs=y)
    return Graph((x, y), (op,), op.results, name=name, output_names=("out",))
