"""Small graphs to write to files and to change at will."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import tflite

from support.tflite_writer import Operator, Subgraph, Table, Tensor, write
from tflgpuc.frontend import import_model
from tflgpuc.ir.graph.graph import Module

RNG = np.random.default_rng(3)
FILTER = RNG.standard_normal((5, 3, 3, 2)).astype(np.float32)
BIAS = np.arange(5, dtype=np.float32)
CONV = Table(
    "Conv2DOptions",
    {
        "padding": tflite.Padding.VALID,
        "stride_w": 2,
        "stride_h": 1,
        "fused_activation_function": tflite.ActivationFunctionType.RELU6,
        "dilation_w_factor": 1,
        "dilation_h_factor": 1,
    },
)


def conv_model(**changes: Any) -> Subgraph:
    """LOGISTIC(CONV_2D(image, filter, bias)), with other fields where given."""
    graph = Subgraph(
        tensors=[
            Tensor("image", (1, 6, 7, 2)),
            Tensor("filter", FILTER.shape, data=FILTER),
            Tensor("bias", BIAS.shape, data=BIAS),
            Tensor("features", (1, 4, 3, 5)),
            Tensor("scores", (1, 4, 3, 5)),
        ],
        operators=[
            Operator("CONV_2D", (0, 1, 2), (3,), CONV),
            Operator("LOGISTIC", (3,), (4,)),
        ],
        inputs=(0,),
        outputs=(4,),
    )
    return replace(graph, **changes)


def imported(*graphs: Subgraph, shapes: Any = None, **model: Any) -> Module:
    """The module of a file with these subgraphs, verified."""
    made = import_model(write(*graphs, **model), input_shapes=shapes)
    for graph in made.graphs:
        graph.verify()
    return made


def tensors_with(index: int, **changes: Any) -> list[Tensor]:
    """The tensors of conv_model(), one of them changed."""
    tensors = [*conv_model().tensors]
    tensors[index] = replace(tensors[index], **changes)
    return tensors


def reshape_model(shape: Tensor) -> Subgraph:
    """RESHAPE(y, shape) twice, added up."""
    signature = {"shape_signature": np.array([-1, 4], np.int32), "has_rank": True}
    return Subgraph(
        tensors=[
            Tensor("y", (2, 4)),
            shape,
            Tensor("reshaped", (1, 4), extra=signature),
            Tensor("sum", (1, 4), extra=signature),
        ],
        operators=[
            Operator("RESHAPE", (0, 1), (2,)),
            Operator("ADD", (2, 2), (3,), Table("AddOptions", {})),
        ],
        inputs=(0, 1) if shape.data is None else (0,),
        outputs=(3,),
    )
