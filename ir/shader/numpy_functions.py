"""What the shader IR's operators and functions are in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tflgpuc.ir.shader.types import Scalar

Array = NDArray[Any]

DTYPES: dict[Scalar, type[Any]] = {
    "f32": np.float32,
    "f16": np.float16,
    "i32": np.int32,
    "u32": np.uint32,
    "bool": np.bool_,
}


def unset(scalar: Scalar) -> Any:
    """What memory that nothing has written holds: NaN where there is one."""
    return DTYPES[scalar](math.nan if scalar in ("f32", "f16") else 0)


def converted(x: Array, scalar: Scalar) -> Array:
    """A conversion by value into new memory; floats out of an integer's range give its nearest."""
    if scalar in ("i32", "u32") and x.dtype.kind == "f":
        limits = np.iinfo(DTYPES[scalar])
        # f64 holds the limits exactly.
        whole = np.nan_to_num(np.trunc(x.astype(np.float64)), nan=0.0)
        return np.asarray(np.clip(whole, limits.min, limits.max), DTYPES[scalar])
    return x.astype(DTYPES[scalar])


def divide(a: Array, b: Array) -> Array:
    """Integer division that rounds towards zero; by zero gives zero."""
    if a.dtype.kind == "u" or (a.min() >= 0 and b.min() > 0):
        return np.asarray(np.floor_divide(a, b))
    wide = b.astype(np.int64)
    quotient = np.floor_divide(np.abs(a.astype(np.int64)), np.abs(wide))
    return np.asarray(quotient * np.sign(a) * np.sign(wide), a.dtype)


def remainder(a: Array, b: Array) -> Array:
    """What integer division leaves; it has the sign of ``a``."""
    return np.asarray(a - divide(a, b) * b)


def dot(a: Array, b: Array, lanes: int) -> Array:
    """The sum of products over lanes, in lane order."""
    products = np.broadcast_to(product := a * b, (lanes, *product.shape[1:]))
    return np.asarray(sum(products[1:], start=products[0]))[None]


def erf(x: Array) -> Array:
    """The error function, rounded from f64."""
    values = np.fromiter(map(math.erf, x.ravel().tolist()), x.dtype, x.size)
    return values.reshape(x.shape)


def clamp(x: Array, low: Array, high: Array) -> Array:
    """``min(max(x, low), high)``."""
    return np.fmin(np.fmax(x, low), high)


def rsqrt(x: Array) -> Array:
    """``1 / sqrt(x)``."""
    return np.reciprocal(np.sqrt(x))


BINARY: dict[str, Callable[..., Array]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": remainder,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
    "&&": np.logical_and,
    "||": np.logical_or,
    "&": np.bitwise_and,
    "|": np.bitwise_or,
    "^": np.bitwise_xor,
    "<<": np.left_shift,
    ">>": np.right_shift,
}


def binary_function(op: str, dtype: np.dtype[Any]) -> Callable[..., Array]:
    """What computes ``a op b`` of this type."""
    return divide if op == "/" and dtype.kind in "iu" else BINARY[op]


CALLS: dict[str, Callable[..., Array]] = {
    "abs": np.abs,
    "atan2": np.arctan2,
    "ceil": np.ceil,
    "clamp": clamp,
    "cos": np.cos,
    "erf": erf,
    "exp": np.exp,
    "floor": np.floor,
    "isnan": np.isnan,
    "log": np.log,
    # GPUs give the operand that is a number where the other is none.
    "max": np.fmax,
    "min": np.fmin,
    "pow": np.power,
    "round_even": np.rint,
    "rsqrt": rsqrt,
    "sign": np.sign,
    "sin": np.sin,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "trunc": np.trunc,
}
