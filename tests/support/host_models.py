"""Small models that take every way through a host, and inputs for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from support.small_models import conv_model
from support.tflite_writer import Operator, Subgraph, Table, Tensor, write
from tflgpuc.backends.bundle import Bundle
from tflgpuc.backends.tflite import write as write_graph
from tflgpuc.driver import compile
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.ops.batch_matmul import BatchMatmul
from tflgpuc.ir.graph.ops.cast import Cast
from tflgpuc.ir.graph.ops.logistic import Logistic
from tflgpuc.ir.graph.ops.tanh import Tanh
from tflgpuc.ir.graph.sampling import runtime
from tflgpuc.ir.graph.types import NUMPY
from tflgpuc.targets import DEFAULT, load_target

Array = NDArray[Any]

HOSTS = ("cpp", "python")
# Calling the CPU is so cheap that no GPU op goes along.
TARGET = load_target("generic-gles31")
TARGET = replace(TARGET, costs=replace(TARGET.costs, wait=0.0, copy_rate=1e15, launch=0.0))
_OPEN = {"shape_signature": np.array([-1, 1], np.int32)}
TYPES = ("int8", "uint8", "bool", "int32")


def conv() -> bytes:
    """A convolution and a sigmoid."""
    return write(conv_model())


def types() -> bytes:
    """Floats as integers of several widths, odd numbers of them, integers doubled, and places in i64."""
    shape = (1, 3, 5, 1)
    tensors = [Tensor("x", shape), Tensor("n", shape, "int32")]
    tensors += [Tensor(f"as {name}", shape, name) for name in TYPES]
    operators = [Operator("CAST", (0,), (2 + i,)) for i in range(len(TYPES))]
    tensors.append(Tensor("twice", shape, "int32"))
    operators.append(Operator("ADD", (1, 1), (len(tensors) - 1,), Table("AddOptions", {})))
    tensors.append(Tensor("largest", (1, 3, 1), "int64"))
    operators.append(Operator("ARG_MAX", (0, len(tensors)), (len(tensors) - 1,)))
    outputs = range(2, len(tensors))
    tensors.append(Tensor("axis", (), "int32", data=np.array(2, np.int32)))
    return write(Subgraph(tensors, operators, (0, 1), outputs))


def passing_through() -> bytes:
    """Inputs that are outputs, one of them twice, the other read on the GPU too."""
    tensors = [Tensor("a", (1, 6)), Tensor("b", (1, 6)), Tensor("sum", (1, 6))]
    add = Operator("ADD", (0, 0), (2,), Table("AddOptions", {}))
    return write(Subgraph(tensors, [add], (0, 1), (1, 2, 0, 1)))


def states() -> bytes:
    """An accumulator that starts with 4 and 7: y = v + x; v = y; and one that starts with zeros."""
    resource = {"type": 13}  # TensorType.RESOURCE
    tensors = [
        Tensor("x", (2,)),
        Tensor("handle", (), extra=resource),
        Tensor("old", (2,)),
        Tensor("y", (2,)),
        Tensor("other handle", (), extra=resource),
        Tensor("other old", (2,)),
        Tensor("z", (2,)),
    ]
    add = Table("AddOptions", {})
    start = np.array([4, 7], np.float32)
    once = Operator("CALL_ONCE", (), (), Table("CallOnceOptions", {"init_subgraph_index": 1}))
    main = Subgraph(
        tensors,
        [
            once,
            _handle(1, "v"),
            _handle(4, "w"),
            Operator("READ_VARIABLE", (1,), (2,)),
            Operator("READ_VARIABLE", (4,), (5,)),
            Operator("ADD", (2, 0), (3,), add),
            Operator("ADD", (5, 3), (6,), add),
            Operator("ASSIGN_VARIABLE", (1, 3), ()),
            Operator("ASSIGN_VARIABLE", (4, 6), ()),
        ],
        (0,),
        (3, 6),
    )
    init = Subgraph(
        [Tensor("handle", (), extra=resource), Tensor("start", (2,), data=start)],
        [_handle(0, "v"), Operator("ASSIGN_VARIABLE", (0, 1), ())],
        (),
        (),
        "init",
    )
    return write(main, init)


def states_across() -> bytes:
    """Two sums of all x: the CPU gives one its new value, the other its old one, by way of doubles."""
    resource = {"type": 13}  # TensorType.RESOURCE
    shape = (1, 2, 32, 32)
    names = ["x", "v", "old", "y", "wide", "new", "w", "other", "other wide", "other old", "z"]
    kinds = {"wide": "float64", "other wide": "float64"}
    tensors = [
        Tensor(n, (), extra=resource) if n in "vw" else Tensor(n, shape, kinds.get(n, "float32"))
        for n in names
    ]
    at = {name: i for i, name in enumerate(names)}
    add = Table("AddOptions", {})

    def op(
        code: str, inputs: list[str], outputs: list[str], options: Table | None = None
    ) -> Operator:
        numbers = [tuple(at[n] for n in given) for given in (inputs, outputs)]
        return Operator(code, *numbers, *([options] if options else []))

    operators = [
        _handle(at["v"], "v"),
        _handle(at["w"], "w"),
        op("READ_VARIABLE", ["v"], ["old"]),
        op("ADD", ["old", "x"], ["y"], add),
        op("CAST", ["y"], ["wide"]),
        op("CAST", ["wide"], ["new"]),
        op("ASSIGN_VARIABLE", ["v", "new"], []),
        op("READ_VARIABLE", ["w"], ["other"]),
        op("CAST", ["other"], ["other wide"]),
        op("CAST", ["other wide"], ["other old"]),
        op("ADD", ["other old", "x"], ["z"], add),
        op("ASSIGN_VARIABLE", ["w", "z"], []),
    ]
    return write(Subgraph(tensors, operators, (at["x"],), (at["y"], at["z"])))


def _handle(output: int, name: str) -> Operator:
    options = Table("VarHandleOptions", {"container": "", "shared_name": name})
    return Operator("VAR_HANDLE", (), (output,), options)


def doubles() -> bytes:
    """x times y on the GPU, there and back through doubles, and a sigmoid on the GPU again."""
    x, y = runtime(1, 2, 32, 48, name="x"), runtime(1, 2, 48, 32, name="y")
    product = BatchMatmul(x=x, y=y, names=("product",))
    wide = Cast(input=product.result, out_data_type="FLOAT64", names=("wide",))
    back = Cast(input=wide.result, in_data_type="FLOAT64", out_data_type="FLOAT32", names=("back",))
    again = BatchMatmul(x=Tanh(x=back.result).result, y=x, names=("again",))
    out = Logistic(x=again.result, names=("out",))
    ops = (product, wide, back, again.x.op, again, out)
    return write_graph(
        Graph((x, y), ops, (out.result, back.result), "main", ("x", "y"), ("out", "back"))
    )


def places() -> bytes:
    """Where a vector isn't zero: as many places as a run finds."""
    tensors = [Tensor("x", (6,), "bool"), Tensor("places", (6, 1), "int64", extra=_OPEN)]
    return write(Subgraph(tensors, [Operator("WHERE", (0,), (1,))], (0,), (1,)))


def oddly_named() -> bytes:
    """conv() with names that no language likes."""
    names = ['in"put\\', "filter\n*/", "bias // \\", "class", "a é\0\t??/ %s {{ x }}"]
    tensors = [replace(t, name=n) for t, n in zip(conv_model().tensors, names, strict=True)]
    return write(conv_model(tensors=tensors))


def bundle_of(model: bytes, name: str = "small", segments: bool = False) -> Bundle:
    """The model compiled with all hosts; ``segments`` lets nothing go along with what the CPU runs."""
    return compile(model, target=TARGET if segments else DEFAULT, hosts=HOSTS, name=name)


def inputs_of(bundle: Bundle) -> dict[str, Array]:
    """Random inputs: floats around zero, small integers."""
    rng = np.random.default_rng(11)
    made: dict[str, Array] = {}
    for port in bundle.manifest["inputs"]:
        type = np.dtype(NUMPY[port["dtype"]])
        if type.kind == "f":
            made[port["name"]] = rng.uniform(-2, 2, port["shape"]).astype(type)
        else:
            made[port["name"]] = rng.integers(0, 99, port["shape"]).astype(type)
    return made


def on_gles(bundle: Bundle, inputs: dict[str, Array], runs: int = 1) -> dict[str, Array]:
    """What the GLES runner gives for the last of some runs."""
    with bundle.runner("gles") as runner:
        for _ in range(runs):
            made = runner.run(inputs)
    return made
