"""What a kernel's author works with: operands as views, constants, and the output with its epilogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tflgpuc.backends.kernels.view import At, Shape, View
from tflgpuc.ir.errors import LimitError
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.types import TensorType
from tflgpuc.ir.shader import (
    BOOL,
    F32,
    F32X4,
    Buffer,
    Builder,
    Expr,
    Kernel,
    Operand,
    Scalar,
    const,
)
from tflgpuc.ir.target import Target, Tile

HALF_MAX = 65504.0
# Constants of fewer elements than this fit any cache: halves would save nothing and cost accuracy.
HALF_WORTH = 16384


@dataclass(frozen=True, eq=False)
class Built:
    """A kernel with what its buffers are bound to; None among ``values`` is ``constants``."""

    kernel: Kernel
    values: tuple[Value | None, ...]
    constants: Array | None


def pack_phwc4(array: Array, shape: Shape) -> NDArray[np.float32]:
    """An NHWC array as rows of four lanes in PHWC4 order, padding lanes 0: (N*S*H*W, 4)."""
    n, h, w, c = shape
    slices = -(-c // 4)
    padded = np.zeros((n, h, w, slices * 4), np.float32)
    padded[..., :c] = np.asarray(array, np.float32).reshape(shape)
    return np.ascontiguousarray(
        padded.reshape(n, h, w, slices, 4).transpose(0, 3, 1, 2, 4).reshape(-1, 4)
    )


def stores_half_constants(fused: Fused) -> bool:
    """Whether the kernel of a fused op keeps its weights as halves."""
    if fused.result.type.dtype != "f16":
        return False
    data = [v for op in fused.body.ops if (v := op.results[0].constant) is not None]
    floats = [d for d in data if d.dtype.kind == "f" and d.size]
    fits = all(np.abs(d).max() <= HALF_MAX for d in floats)
    return fits and sum(d.size for d in floats) >= HALF_WORTH


@dataclass(eq=False)
class Context:
    """Builds one kernel for a fused op.

    The author reads operands with ``view`` or ``read``, puts weights in place with ``weights``, and ends
    in ``store``, which applies the fused elementwise ops. ``part`` counts the launches of one op.
    """

    name: str
    fused: Fused
    tile: Tile
    target: Target
    part: int = 0
    k: Builder = field(init=False)
    _values: list[Value | None] = field(default_factory=list)
    _views: dict[Value, View] = field(default_factory=dict)
    _rows: list[NDArray[np.float32]] = field(default_factory=list)
    _row_count: int = 0
    _weights: Buffer | None = None
    _weights_storage: Scalar = "f32"

    def __post_init__(self) -> None:
        self.k = Builder(self.name)
        self._outer = dict(zip(self.fused.body.inputs, self.fused.inputs, strict=True))
        result = self.fused.body.outputs[0]
        outer = self.fused.results[0]
        self.output = self._bind("dst", outer, outer.type, "write")
        self.root_result = self.fused.root.results[0]
        self.epilogue: tuple[Op, ...] = self.fused.computing[1:]
        assert result is (self.epilogue[-1] if self.epilogue else self.fused.root).results[0]
        if stores_half_constants(self.fused):
            self._weights_storage = "f16"

    def _bind(self, name: str, value: Value, type: TensorType, access: str) -> View:
        assert access in ("read", "write")
        packed = type.layout == "phwc4"
        storage: Scalar = "f16" if type.dtype == "f16" else "f32"
        count = type.nhwc[0] * type.nhwc[1] * type.nhwc[2] * type.slices if packed else type.size
        buffer = self.k.buffer(
            name,
            F32X4 if packed else F32,
            count,
            "write" if access == "write" else "read",
            storage,
        )
        self._values.append(value)
        return View(type.nhwc, buffer, type.layout, type.lanes)

    # --- operands ---

    def view(self, value: Value, name: str = "src") -> View:
        """A value of the fused body as a view; a constant one lies among the weights."""
        if value not in self._views:
            data = value.constant
            if data is not None:
                shape = value.type.nhwc
                base, low = self.exact(pack_phwc4(data, shape))
                self._views[value] = View(shape, self.weights_buffer, "phwc4", "zero", base, low)
            else:
                outer = self._outer[value]
                self._views[value] = self._bind(name, outer, outer.type, "read")
        return self._views[value]

    def read(self, value: Value, at: At) -> Expr:
        """The vec4 of an operand at a place of the output, broadcast; a constant scalar is a literal."""
        data = value.constant
        if data is not None and data.size == 1:
            return const(float(data.reshape(-1)[0]), F32X4)
        return self.view(value).read(at)

    @property
    def weights_buffer(self) -> Buffer:
        """The one buffer of this kernel's constants, of vec4 elements."""
        if self._weights is None:
            self._weights = self.k.buffer("weights", F32X4, 0, "read", self._weights_storage)
            self._values.append(None)
        return self._weights

    def weights(self, rows: NDArray[np.float32]) -> int:
        """Adds rows of four lanes to the constants; gives the index of the first."""
        assert rows.ndim == 2 and rows.shape[1] == 4, rows.shape
        self.weights_buffer  # noqa: B018  declares it on first use
        base = self._row_count
        self._rows.append(rows)
        self._row_count += len(rows)
        return base

    def exact(self, rows: NDArray[np.float32]) -> tuple[int, int]:
        """Adds rows that have to keep f32's accuracy; gives the index of the first row, and how much
        further on lies what halves leave of each (0 where there is nothing: the storage is f32).
        """
        base = self.weights(rows)
        if self._weights_storage == "f32":
            return base, 0
        left = rows - rows.astype(np.float16).astype(np.float32)
        return base, self.weights(left) - base

    def channels(self, data: Array | None, count: int) -> Callable[[Expr], Expr]:
        """A per-channel vector among the constants, zeros up to ``count``, as vec4s by slice."""
        values = np.zeros(-(-count // 4) * 4, np.float32)
        if data is not None:
            values[: data.size] = data.reshape(-1)
        base, low = self.exact(values.reshape(-1, 4))

        def row(slice: Expr) -> Expr:
            value = self.weights_buffer[slice + base]
            return value + self.weights_buffer[slice + (base + low)] if low else value

        return row

    # --- the output ---

    def store(self, at: At, value: Expr) -> None:
        """Stores the root's vec4 at a place of the output, after the fused elementwise ops."""
        for index, stored, guard in self.output.stores(at, self.apply_epilogue(at, value)):
            with self.k.when(const(True, BOOL) if guard is None else guard):
                self.k.store(self.output.buffer, index, stored)

    def apply_epilogue(self, at: At, value: Expr) -> Expr:
        """The root's vec4 after the fused elementwise ops."""
        known: dict[Value, Expr] = {self.root_result: value}
        for op in self.epilogue:
            args = [known[v] if v in known else self.read(v, at) for v in op.operands]
            made = self.k.let(op.name.split(".")[-1], op.expr(*args))
            known[op.results[0]] = made
            value = made
        return value

    def at(self, batch: Operand, row: Operand, column: Operand, slice: Operand) -> At:
        """A place of the output."""
        return At.of(self.output.shape, batch, row, column, slice)

    def done(self, grid: tuple[int, int, int], group: tuple[int, int, int] | None = None) -> Built:
        """The kernel; raises LimitError where it binds more buffers than the target allows."""
        kernel = self.k.done(grid, group)
        if len(kernel.buffers) > self.target.storage_blocks:
            raise LimitError(
                f"{self.fused.describe()}: kernel {self.name} binds {len(kernel.buffers)} buffers, "
                f"target {self.target.name} allows {self.target.storage_blocks}"
            )
        constants = None
        if self._weights is not None:
            dtype = np.float16 if self._weights_storage == "f16" else np.float32
            constants = np.concatenate(self._rows).astype(dtype)
        return Built(kernel, tuple(self._values), constants)
