"""Ops whose output says where in an operand it comes from, by numbers computed at run time."""

from __future__ import annotations

from tflgpuc.backends.kernels.catalogue import kernel
from tflgpuc.backends.kernels.context import Built, Context
from tflgpuc.backends.kernels.elements import element_kernel, read
from tflgpuc.backends.kernels.lanewise import Reader, lanewise
from tflgpuc.backends.kernels.view import ZERO, Coordinates
from tflgpuc.ir.graph.op import Value
from tflgpuc.ir.graph.ops.broadcast_args import BroadcastArgs
from tflgpuc.ir.graph.ops.dynamic_update_slice import DynamicUpdateSlice
from tflgpuc.ir.graph.ops.gather import Gather
from tflgpuc.ir.graph.ops.gather_nd import GatherND
from tflgpuc.ir.graph.ops.matrix_diag import MatrixDiag
from tflgpuc.ir.graph.ops.matrix_set_diag import MatrixSetDiag
from tflgpuc.ir.graph.ops.one_hot import OneHot
from tflgpuc.ir.graph.ops.reverse_sequence import ReverseSequence
from tflgpuc.ir.graph.types import Lanes
from tflgpuc.ir.shader import Expr, call, select


def moved(op: object, x: Lanes, *rest: Lanes) -> Lanes:
    """Padding lanes come along, or are zeros."""
    return x


def both(op: object, x: Lanes, y: Lanes, *rest: Lanes) -> Lanes:
    """Padding lanes come from two operands."""
    return x if x == y else "any"


@kernel(Gather, lanes=moved, any_rank=True, narrow=True, indices="indices")
def gather(op: Gather, c: Context) -> Built:
    """Indices outside of the axis, which TFLite refuses at run time, are kept inside."""
    along, batch = op.along, op.batch
    taken = op.indices.type.rank - batch

    def one(get: Reader, at: Coordinates) -> Expr:
        index = read(c, op.indices, (*at[:batch], *at[along : along + taken]), "indices")
        kept = c.k.let("index", call("clamp", index, 0, op.params.type.shape[along] - 1))
        return get(op.params, (*at[:along], kept, *at[along + taken :]))

    return lanewise(c, along < op.params.type.rank - 1, {"params": op.params}, one)


@kernel(GatherND, lanes=moved, any_rank=True, narrow=True, indices="indices")
def gather_nd(op: GatherND, c: Context) -> Built:
    """Indices outside, which TFLite refuses at run time, are kept inside."""
    shape = op.params.type.shape
    rows = op.indices.type.rank - 1

    def one(get: Reader, at: Coordinates) -> Expr:
        found: list[Expr] = []
        for axis in range(op.depth):
            number = c.view(op.indices, "indices").at((*at[:rows], ZERO + axis))
            found.append(c.k.let(f"index{axis}", call("clamp", number, 0, shape[axis] - 1)))
        return get(op.params, (*found, *at[rows:]))

    return lanewise(c, op.depth < len(shape), {"params": op.params}, one)


@kernel(DynamicUpdateSlice, lanes=both, any_rank=True, narrow=True, indices="start_indices")
def dynamic_update_slice(op: DynamicUpdateSlice, c: Context) -> Built:
    """An element comes from the update where that lies over it."""
    part = op.update.type.shape
    room = [big - small for big, small in zip(op.operand.type.shape, part, strict=True)]

    def one(get: Reader, at: Coordinates) -> Expr:
        below = get(op.operand, at)
        inside: Expr | None = None
        within: list[Expr] = []
        for axis, index in enumerate(at):
            if not room[axis]:
                within.append(index)
                continue
            given = read(c, op.start_indices, (ZERO + axis,), "starts")
            offset = c.k.let("offset", index - call("clamp", given, 0, room[axis]))
            held = (offset >= 0) & (offset < part[axis])
            inside = held if inside is None else inside & held
            within.append(call("clamp", offset, 0, part[axis] - 1))
        above = get(op.update, tuple(within))
        return above if inside is None else select(inside, above, below)

    whole = bool(room) and room[-1] == 0
    return lanewise(c, whole, {"operand": op.operand, "update": op.update}, one)


@kernel(ReverseSequence, lanes=moved, any_rank=True, narrow=True, indices="seq_lengths")
def reverse_sequence(op: ReverseSequence, c: Context) -> Built:
    """Within the length an element comes from as far before the length's end."""
    along = op.seq_dim
    extent = op.input.type.shape[along]

    def one(get: Reader, at: Coordinates) -> Expr:
        given = read(c, op.seq_lengths, (at[op.batch_dim],), "lengths")
        length = c.k.let("length", call("min", given, extent))
        index = select(at[along] < length, length - 1 - at[along], at[along])
        return get(op.input, (*at[:along], index, *at[along + 1 :]))

    last = op.input.type.rank - 1
    return lanewise(c, last not in (along, op.batch_dim), {"src": op.input}, one)


@element_kernel(OneHot, narrow=True, indices="indices")
def one_hot(op: OneHot, c: Context, at: Coordinates) -> Expr:
    """Compares the place along the new axis with the index."""
    get, along = Reader(c), op.along
    index = read(c, op.indices, (*at[:along], *at[along + 1 :]), "indices")
    return select(index.eq(at[along]), get.only(op.on_value, "on"), get.only(op.off_value, "off"))


@element_kernel(MatrixDiag, narrow=True)
def matrix_diag(op: MatrixDiag, c: Context, at: Coordinates) -> Expr:
    """Zero off the diagonal."""
    made = read(c, op.diagonal, at[:-1], "diagonal")
    return select(at[-2].eq(at[-1]), made, 0)


@element_kernel(MatrixSetDiag, narrow=True)
def matrix_set_diag(op: MatrixSetDiag, c: Context, at: Coordinates) -> Expr:
    """The input off the diagonal."""
    kept = call("min", at[-1], op.diagonal.type.shape[-1] - 1)
    made = read(c, op.diagonal, (*at[:-2], kept), "diagonal")
    return select(at[-2].eq(at[-1]), made, read(c, op.input, at))


@element_kernel(BroadcastArgs, indices="shape1 shape2 result")
def broadcast_args(op: BroadcastArgs, c: Context, at: Coordinates) -> Expr:
    """The second shape's size where the first one's is 1 or it has none."""
    axes = op.result.type.size
    one, other = (
        _size(c, value, at[0] - (axes - value.type.size), name)
        for value, name in ((op.shape1, "one"), (op.shape2, "other"))
    )
    return select(one.eq(1), other, one)


def _size(c: Context, shape: Value, axis: Expr, name: str) -> Expr:
    """An entry of a shape; 1 for the axes in front of it."""
    if not shape.type.size:
        return ZERO + 1
    return select(axis >= 0, read(c, shape, (call("max", axis, 0),), name), 1)
