"""TFLite's enumerations and options tables in the names that the IR uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tflite

from tflgpuc.frontend.flatbuffer import Record
from tflgpuc.ir.errors import ModelError
from tflgpuc.ir.graph.axes import TFLITE_DTYPES
from tflgpuc.ir.graph.types import DType

# Bits of an element that NumPy has no type for; the others of that kind have no fixed size.
PACKED_BITS: dict[DType, int] = {"i2": 2, "i4": 4, "u4": 4, "bf16": 16}


def names_of(enum: type) -> dict[int, str]:
    """An enumeration's values and their names."""
    return {v: k for k, v in vars(enum).items() if not k.startswith("_")}


OPCODES = names_of(tflite.BuiltinOperator)
TENSOR_TYPES = names_of(tflite.TensorType)
DTYPES: dict[int, DType] = {
    tflite.TensorType.RESOURCE: "resource",
    tflite.TensorType.VARIANT: "variant",
    **{n: TFLITE_DTYPES[name] for n, name in TENSOR_TYPES.items() if name in TFLITE_DTYPES},
}
TFLITE_NAMES: dict[DType, str] = {dtype: TENSOR_TYPES[n] for n, dtype in DTYPES.items()}
ENUMS: dict[str, Mapping[int, str]] = {
    "padding": names_of(tflite.Padding),
    "fused_activation_function": names_of(tflite.ActivationFunctionType),
    "weights_format": names_of(tflite.FullyConnectedOptionsWeightsFormat),
    "mode": names_of(tflite.MirrorPadMode),
    "kernel_type": names_of(tflite.LSTMKernelType),
    "combiner": names_of(tflite.CombinerType),
    "type": names_of(tflite.LSHProjectionType),
    "reduce_function": names_of(tflite.ReduceWindowFunction),
    "algorithm": names_of(tflite.RngAlgorithm),
    "comparison_direction": names_of(tflite.StablehloComparisonDirection),
    "compare_type": names_of(tflite.StablehloComparisonType),
    "precision_config": names_of(tflite.StablehloPrecisionConfig),
    **dict.fromkeys(
        (
            "in_data_type",
            "out_data_type",
            "out_type",
            "output_type",
            "idx_out_type",
            "quantized_bias_type",
            "key_dtype",
            "value_dtype",
        ),
        TENSOR_TYPES,
    ),
}


def dtype_of(number: int, where: str) -> DType:
    """The element type that a TensorType stands for."""
    if number not in DTYPES:
        raise ModelError(f"{where}: unknown element type {number}")
    return DTYPES[number]


def decode_options(record: Record) -> dict[str, Any]:
    """Every field of an options table: enumerations as TFLite's names, vectors as tuples.

    A number that its enumeration doesn't have becomes text too, which no op accepts.
    """
    return {name: _decoded(record, name) for name in record.field_names}


def _decoded(record: Record, name: str) -> Any:
    value = getattr(record, name)
    if isinstance(value, np.ndarray) and value.dtype == np.uint8:
        record.reader.spend(value.size)
        return value.tobytes()
    enum = ENUMS.get(name)
    if isinstance(value, np.ndarray | list):
        items = value.tolist() if isinstance(value, np.ndarray) else value
        # StableHLO's `padding` is a vector of numbers, not an enumeration.
        if enum is not None and name == "precision_config":
            items = [enum.get(i, f"{name} {i}") for i in items]
        return tuple(items)
    if enum is not None and isinstance(value, int):
        return enum.get(value, f"{name} {value}")
    return value
