"""TfLitePoolParams, which MediaPipe's custom pooling ops have as their options, byte for byte."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from tflgpuc.ir.errors import ModelError, UnsupportedError

# padding, stride_width, stride_height, filter_width, filter_height, activation; then four numbers
# that a kernel computes.
PARAMS = struct.Struct("<6i")
SIZE = PARAMS.size + 16
PADDINGS = {1: "SAME", 2: "VALID"}
# Kernels clamp to the range of an activation, so others than these do nothing.
ACTIVATIONS = {1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6"}


def unpack_pool(options: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The attributes in an operator's custom options; ``what`` names it in messages."""
    packed = bytes(options.get("custom_options") or b"")
    if len(packed) < PARAMS.size:
        raise ModelError(f"{what}: {len(packed)} bytes of custom options")
    padding, stride_w, stride_h, filter_width, filter_height, activation = PARAMS.unpack_from(
        packed
    )
    if padding not in PADDINGS:
        raise UnsupportedError(f"{what}: padding {padding}")
    return {
        "padding": PADDINGS[padding],
        "stride_w": stride_w,
        "stride_h": stride_h,
        "filter_width": filter_width,
        "filter_height": filter_height,
        "fused_activation_function": ACTIVATIONS.get(activation, "NONE"),
    }


def pack_pool(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Custom options that ``unpack_pool`` reads as these attributes."""
    padding = next(k for k, v in PADDINGS.items() if v == attributes["padding"])
    names = {v: k for k, v in ACTIVATIONS.items()}
    packed = PARAMS.pack(
        padding,
        *(attributes[k] for k in ("stride_w", "stride_h", "filter_width", "filter_height")),
        names.get(attributes.get("fused_activation_function", "NONE"), 0),
    )
    return {"custom_options": packed.ljust(SIZE, b"\0")}
