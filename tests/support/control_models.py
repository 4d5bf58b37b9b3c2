"""Small models with variables and subgraphs, and LiteRT to run them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tflite
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from support.tflite_writer import Operator, Subgraph, Table, Tensor

HANDLE = {"type": tflite.TensorType.RESOURCE}
ADD = Table("AddOptions", {})
MUL = Table("MulOptions", {})
LESS = Table("LessOptions", {})


def resource(name: str = "handle") -> Tensor:
    """The tensor of a variable's handle."""
    return Tensor(name, (), extra=HANDLE)


def var_handle(output: int, name: str = "v") -> Operator:
    """VAR_HANDLE of a variable."""
    options = Table("VarHandleOptions", {"container": "", "shared_name": name})
    return Operator("VAR_HANDLE", (), (output,), options)


def read(handle: int, output: int) -> Operator:
    """READ_VARIABLE."""
    return Operator("READ_VARIABLE", (handle,), (output,), Table("ReadVariableOptions", {}))


def assign(handle: int, value: int) -> Operator:
    """ASSIGN_VARIABLE."""
    return Operator("ASSIGN_VARIABLE", (handle, value), (), Table("AssignVariableOptions", {}))


def call_once(subgraph: int) -> Operator:
    """CALL_ONCE."""
    options = Table("CallOnceOptions", {"init_subgraph_index": subgraph})
    return Operator("CALL_ONCE", (), (), options)


def while_op(inputs: Sequence[int], outputs: Sequence[int], cond: int, body: int) -> Operator:
    """WHILE."""
    fields = {"cond_subgraph_index": cond, "body_subgraph_index": body}
    return Operator("WHILE", inputs, outputs, Table("WhileOptions", fields))


def if_op(inputs: Sequence[int], outputs: Sequence[int], then: int, other: int) -> Operator:
    """IF; the first input is the condition."""
    fields = {"then_subgraph_index": then, "else_subgraph_index": other}
    return Operator("IF", inputs, outputs, Table("IfOptions", fields))


def i32(name: str, value: Any) -> Tensor:
    """A constant of integers."""
    data = np.array(value, np.int32)
    return Tensor(name, data.shape, "int32", data)


def f32(name: str, value: Any) -> Tensor:
    """A constant of floats."""
    data = np.array(value, np.float32)
    return Tensor(name, data.shape, data=data)


def counted_loop(limit: int, start: Tensor | None = None) -> tuple[Subgraph, Subgraph, Subgraph]:
    """``x`` doubled ``limit`` times, and 1 added each time; the counter starts at 0 or ``start``."""
    counter = start or i32("zero", 0)
    scalar = Tensor("i", (), "int32")
    main = Subgraph(
        [Tensor("x", (2,)), counter, Tensor("n", (), "int32"), Tensor("y", (2,))],
        [while_op((1, 0), (2, 3), 1, 2)],
        (0,) if counter.data is not None else (0, 1),
        (3,),
    )
    cond = Subgraph(
        [scalar, Tensor("a", (2,)), i32("limit", limit), Tensor("go", (), "bool")],
        [Operator("LESS", (0, 2), (3,), LESS)],
        (0, 1),
        (3,),
        "cond",
    )
    body = Subgraph(
        [
            scalar,
            Tensor("a", (2,)),
            i32("one", 1),
            f32("bias", [1, 1]),
            Tensor("next", (), "int32"),
            Tensor("twice", (2,)),
            Tensor("more", (2,)),
        ],
        [
            Operator("ADD", (0, 2), (4,), ADD),
            Operator("ADD", (1, 1), (5,), ADD),
            Operator("ADD", (5, 3), (6,), ADD),
        ],
        (0, 1),
        (4, 6),
        "body",
    )
    return main, cond, body


def litert_runs(model: bytes, runs: Sequence[Sequence[Any]]) -> Iterator[list[Any]]:
    """The outputs of LiteRT's reference kernels, run after run of one interpreter."""
    resolver = OpResolverType.BUILTIN_REF
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    for given in runs:
        for detail, array in zip(interpreter.get_input_details(), given, strict=True):
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        yield [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]
