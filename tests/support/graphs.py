"""Graphs around one op, and arrays for their inputs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.types import NUMPY, TensorType


def defining(values: tuple[Value, ...]) -> Iterator[Op]:
    """The ops that define the values, each after those that it reads."""
    for value in values:
        if value.op is not None:
            yield from defining(value.op.operands)
            yield value.op


def graph_of(op: Op) -> Graph:
    """The graph that computes all results of ``op``."""
    ops = tuple(dict.fromkeys([*defining(op.operands), op]))
    inputs = dict.fromkeys(v for o in ops for v in o.operands if v.op is None)
    return Graph(tuple(inputs), ops, op.results)


def random_array(rng: np.random.Generator, type: TensorType) -> Array:
    """Normal floats; integers of 0 and 1, which are valid as indices, counts and truth values."""
    dtype = NUMPY[type.dtype]
    if np.issubdtype(dtype, np.floating):
        return np.asarray(rng.standard_normal(type.shape), dtype)
    return np.asarray(rng.integers(0, 2, type.shape), dtype)
