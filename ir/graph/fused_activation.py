"""A fused activation as an op of its own."""

from __future__ import annotations

from tflgpuc.ir.errors import UnsupportedError
from tflgpuc.ir.graph.elementwise import Unary
from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.graph.ops.relu import Relu
from tflgpuc.ir.graph.ops.relu6 import Relu6
from tflgpuc.ir.graph.ops.relu_n1_to_1 import ReluN1To1
from tflgpuc.ir.graph.ops.tanh import Tanh

ACTIVATIONS: dict[str, type[Unary]] = {
    "RELU": Relu,
    "RELU_N1_TO_1": ReluN1To1,
    "RELU6": Relu6,
    "TANH": Tanh,
}


def activation(name: str, value: Value) -> Value:
    """``value`` after the activation that TFLite calls ``name``; itself for NONE.

    The new op has the sources of the op that made ``value``, and its result the same name. Raises
    UnsupportedError for SIGN_BIT and for names that TFLite doesn't have.
    """
    if name == "NONE":
        return value
    sources = value.op.sources if value.op else ()
    if name not in ACTIVATIONS:
        where = f"{value.op.describe()}: " if value.op else ""
        raise UnsupportedError(f"{where}fused activation {name}")
    return ACTIVATIONS[name](x=value, sources=sources, names=(value.name,)).result
