"""What a kernel's author works with: operands as views, constants, and the output with its epilogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tflgpuc.backends.kernels.computed import Computed, inlined
from tflgpuc.backends.kernels.constants import Constants
from tflgpuc.backends.kernels.variants import Variant
from tflgpuc.backends.kernels.view import PACKED, At, Element, Shape, View, row_major
from tflgpuc.ir.errors import LimitError
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tflgpuc.ir.graph.ops.fully_connected import FullyConnected
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.graph.ops.transpose_conv import TransposeConv
from tflgpuc.ir.graph.ops.winograd_product import WinogradProduct
from tflgpuc.ir.graph.types import Lanes, Layout, TensorType
from tflgpuc.ir.shader import (
    BOOL,
    F32,
    F32X4,
    I32,
    I32X4,
    U32,
    Builder,
    Expr,
    Kernel,
    Operand,
    Scalar,
    Type,
    const,
    convert,
)
from tflgpuc.ir.target import Target, Tile

# Ops that read many weights often, so that a texture may pay.
WEIGHTED = (Conv2D, DepthwiseConv2D, FullyConnected, TransposeConv, WinogradProduct)


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


def pack_rows(array: Array) -> NDArray[np.float32]:
    """An array in row-major order as rows of four, 0 at the end."""
    flat = np.asarray(array, np.float32).reshape(-1)
    return np.pad(flat, (0, -flat.size % 4)).reshape(-1, 4)


def stored_as(type: TensorType) -> tuple[Type, Scalar, int]:
    """A tensor's buffer: what its elements are read as, how they are stored, and how many they are."""
    if type.layout == "phwc4":
        n, h, w, _ = type.nhwc
        element = F32X4 if type.dtype in ("f32", "f16") else I32X4
        return element, "f16" if type.dtype == "f16" else element.scalar, n * h * w * type.slices
    match type.dtype:
        case "f32":
            return F32, "f32", type.size
        case "f16":
            return F32X4, "f16", -(-type.size // 4)
        case "i64":
            return I32, "i32", type.size * 2
        case dtype if dtype in PACKED:
            return U32, "u32", -(-type.size * PACKED[dtype] // 32)
        case _:
            return I32, "i32", type.size


@dataclass(eq=False)
class Context:
    """Builds one kernel for a fused op.

    The author reads operands with ``view`` or ``read``, puts weights among its ``constants``, and ends
    in ``store``, which applies the fused elementwise ops. ``part`` counts the launches of one op; a
    ``dry`` kernel is only looked at, so nothing is done to its constants.
    """

    name: str
    fused: Fused
    variant: Variant
    target: Target
    part: int = 0
    dry: bool = False
    tile: Tile = field(init=False)
    k: Builder = field(init=False)
    _values: list[Value | None] = field(default_factory=list)
    _views: dict[Value, View] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.k = Builder(self.name)
        self.tile = self.variant if isinstance(self.variant, Tile) else self.variant.tile
        self._outer = dict(zip(self.fused.body.inputs, self.fused.inputs, strict=True))
        result = self.fused.body.outputs[0]
        outer = self.fused.results[0]
        self.output = self._bind("dst", outer, outer.type, "write")
        self.root_result = self.fused.root.results[0]
        self.epilogue: tuple[Op, ...] = self.fused.epilogue
        self._inline = {v: op for op in self.fused.prologue for v in op.results}
        assert result is (self.epilogue[-1] if self.epilogue else self.fused.root).results[0]
        row = self.target.texel_row if isinstance(self.fused.root, WEIGHTED) else 0
        self.constants = Constants(
            self.k, self.fused, lambda: self._values.append(None), self.dry, row
        )

    def _bind(self, name: str, value: Value, type: TensorType, access: str) -> View:
        assert access in ("read", "write")
        element, storage, count = stored_as(type)
        buffer = self.k.buffer(
            name, element, count, "write" if access == "write" else "read", storage
        )
        self._values.append(value)
        return View(type.shape, buffer, type.layout, type.lanes, dtype=type.dtype)

    # --- operands ---

    def view(self, value: Value, name: str = "src") -> View:
        """A value of the fused body as a view.

        A constant one lies among the weights; one of the prologue is computed at each place read.
        """
        if value not in self._views:
            data = value.constant
            if data is not None:
                self._views[value] = self._constant(value.type, data)
            elif value in self._inline:
                self._views[value] = self._computed(self._inline[value])
            else:
                outer = self._outer[value]
                self._views[value] = self._bind(name, outer, outer.type, "read")
        return self._views[value]

    def _computed(self, op: Op) -> View:
        how = inlined(op)
        assert how is not None, f"{op.describe()} can't be computed where it is read"
        return Computed.of(op, self, how)

    def lanes(self, value: Value) -> Lanes:
        """What a value of the fused body holds in its padding lanes, without reading it."""
        if value.constant is not None:
            return "zero"
        return self.view(value).lanes if value in self._inline else self._outer[value].type.lanes

    def _constant(self, type: TensorType, data: Array) -> View:
        layout: Layout = "phwc4" if type.rank <= 4 else "nhwc"

        def rows(array: Array) -> NDArray[np.float32]:
            return pack_phwc4(array, type.nhwc) if layout == "phwc4" else pack_rows(array)

        if data.dtype.kind == "f":
            base, low = self.constants.exact(rows(data))
            memory = self.constants.memory
            return View(type.shape, memory, layout, "zero", base, low, is_constant=True)
        base, radix, steps = self.constants.digits(data, rows)
        memory = self.constants.memory
        return View(type.shape, memory, layout, "zero", base, 0, "i32", radix, steps, True)

    def read(self, value: Value, at: At | Element) -> Expr:
        """An operand at a place of the output, broadcast: a vec4 or, of an Element, a scalar.

        A constant scalar is a literal. Bools are bool expressions.
        """
        data = value.constant
        lanes = 1 if isinstance(at, Element) else 4
        if data is not None and data.size == 1:
            number = data.reshape(-1)[0]
            if data.dtype.kind == "f":
                return const(float(number), F32.of(lanes))
            return (
                const(int(number), I32.of(lanes))
                if data.dtype.kind != "b"
                else const(bool(number), BOOL.of(lanes))
            )
        view = self.view(value)
        made = view.broadcast(at.at) if isinstance(at, Element) else view.read(at)
        return made.ne(0) if value.type.dtype == "bool" else made

    # --- the output ---

    def store(self, at: At | Element, value: Expr) -> None:
        """Stores what the root makes at a place of the output, after the fused elementwise ops."""
        made = self.apply_epilogue(at, value)
        made = convert(made, "i32") if made.type.scalar == "bool" else made
        if isinstance(at, Element):
            for index, stored in self.output.element_stores(row_major(at.at, at.dims), made):
                self.k.store(self.output.buffer, index, stored)
            return
        for index, stored, guard in self.output.stores(at, made):
            with self.k.when(const(True, BOOL) if guard is None else guard):
                self.k.store(self.output.buffer, index, stored)

    def apply_epilogue(self, at: At | Element, value: Expr) -> Expr:
        """What the root makes after the fused elementwise ops."""
        if self.root_result.type.dtype == "bool" and value.type.scalar != "bool":
            value = value.ne(0)
        return self.apply(self.epilogue, self.root_result, at, value)

    def apply(self, ops: Sequence[Op], start: Value, at: At | Element, value: Expr) -> Expr:
        """What elementwise ops, each reading the one before, make of ``start``'s ``value`` at a place."""
        known: dict[Value, Expr] = {start: value}
        for op in ops:
            args = [known[v] if v in known else self.read(v, at) for v in op.operands]
            value = self.k.let(op.name.split(".")[-1], op.expr(*args))
            known[op.results[0]] = value
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
        return Built(kernel, tuple(self._values), self.constants.data())
