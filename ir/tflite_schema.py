"""TFLite's enumerations in the names that the IR uses: what reads and what writes files share."""

from __future__ import annotations

from collections.abc import Mapping

import tflite

from tflgpuc.ir.graph.axes import TFLITE_DTYPES
from tflgpuc.ir.graph.types import DType


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
# The enumerations of options tables, by the names of the fields that hold them.
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
