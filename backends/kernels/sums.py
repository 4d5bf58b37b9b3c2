"""What convolutions share: weights in the order in which they are read, and a tile of sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tflgpuc.backends.kernels.constants import Filter
from tflgpuc.backends.kernels.context import Context
from tflgpuc.backends.kernels.view import ZERO4
from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.types import Lanes
from tflgpuc.ir.shader import Expr, Name


def weight_rows(
    filter: NDArray[np.float32], out_slices: int, together: int = 1
) -> NDArray[np.float32]:
    """An OHWI filter as rows of four outputs, zero padded, in the order in which tiles read them:
    [out tile][ky][kx][in slice][out slice][in lane], with ``together`` output slices to a tile.
    """
    o, kh, kw, i = filter.shape
    in_slices, tiles = -(-i // 4), out_slices // together
    padded = np.zeros((out_slices * 4, kh, kw, in_slices * 4), np.float32)
    padded[:o, :, :, :i] = filter
    blocked = padded.reshape(tiles, together, 4, kh, kw, in_slices, 4)
    return np.ascontiguousarray(blocked.transpose(0, 3, 4, 5, 1, 6, 2)).reshape(-1, 4)


def multiply_add(x: Expr, rows: Sequence[Expr]) -> Expr:
    """Input lanes times their rows of weights, summed in lane order."""
    total = x.lane(0) * rows[0]
    for i, row in enumerate(rows[1:], 1):
        total = total + x.lane(i) * row
    return total


def constant_weights(op: Op) -> bool:
    """Whether weights and bias are known."""
    values = (getattr(op, field, None) for field in ("filter", "weights", "bias"))
    return all(v is None or v.constant is not None for v in values)


def zero_lanes(op: object, *operands: Lanes) -> Lanes:
    """Zero weights and bias leave zeros; what the input's lanes hold is masked."""
    return "zero"


def bias_data(bias: Value | None) -> NDArray[np.float32] | None:
    """The bias vector, if there is one."""
    return None if bias is None else np.asarray(bias.static("bias"), np.float32)


class Accumulators:
    """The registers of a tile: one vec4 a pixel and slice, started with the bias."""

    def __init__(
        self, c: Context, slice: Expr, filter: Filter, bias: Callable[[Expr], Expr]
    ) -> None:
        self.tile = [(p, s) for s in range(c.tile.slices) for p in range(c.tile.pixels)]
        self.bias = [c.k.let(f"bias{s}", bias(slice + s)) for s in range(c.tile.slices)]
        late = filter.scales is not None
        self.registers: dict[tuple[int, int], Name] = {
            (p, s): c.k.var(f"acc{p}{s}", ZERO4 if late else self.bias[s]) for p, s in self.tile
        }
        self.c, self.slice, self.filter = c, slice, filter

    def results(self) -> list[tuple[int, int, Expr]]:
        """Each pixel and slice of the tile with its sum."""
        return [
            (p, s, self.filter.finished(total, self.slice + s, self.bias[s]))
            for (p, s), total in self.registers.items()
        ]

    def accumulate(self, x: Sequence[Expr], step: Expr, lanes: int) -> None:
        """Adds the products of a vec4 of each pixel with the weights of a step.

        Steps count the input slices of a tile's taps; ``lanes`` says how many input lanes count.
        """
        k, slices = self.c.k, self.c.tile.slices
        row = step * (slices * 4)
        for s in range(slices):
            rows = [k.let(f"w{s}{i}", self.filter.row(row + (s * 4 + i))) for i in range(lanes)]
            for p, value in enumerate(x):
                k.add(self.registers[p, s], multiply_add(value, rows))


def filter_of(c: Context, value: Value, out_slices: int) -> Filter:
    """The filter of a convolution, [outputs, (height, width,) inputs], as rows by output slice.

    Of three axes the first counts filters, one after the other.
    """

    def arranged(data: NDArray[np.float32]) -> NDArray[np.float32]:
        if data.ndim == 3:
            return np.concatenate([arranged(part) for part in data])
        whole = data[:, None, None, :] if data.ndim == 2 else data
        return weight_rows(whole, out_slices, c.tile.slices)

    return c.constants.filter(value, arranged)
