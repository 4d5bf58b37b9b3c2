"""Sparse constants to dense ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import tflite

from tflgpuc.frontend.flatbuffer import Record
from tflgpuc.ir.errors import ModelError
from tflgpuc.ir.graph.op import Array


@dataclass(frozen=True)
class Level:
    """How an axis of a sparse tensor is stored: all ``size`` indices, or those listed."""

    size: int
    segments: Array | None = None
    indices: Array | None = None


@dataclass(frozen=True)
class Sparsity:
    """TFLite's SparsityParameters: levels in the order in which the values are stored.

    ``traversal_order`` names each level's axis; axes from the tensor's rank on are blocks within
    the axes that ``block_map`` names.
    """

    traversal_order: tuple[int, ...]
    block_map: tuple[int, ...]
    levels: tuple[Level, ...]


def read_sparsity(record: Record, rank: int, where: str) -> Sparsity:
    """The parameters of a tensor of ``rank`` axes."""
    order = _ints(record.traversal_order)
    block_map = _ints(record.block_map)
    levels = tuple(_level(dim, where) for dim in record.dim_metadata)
    axes = rank + len(block_map)
    if sorted(order) != list(range(axes)) or len(levels) != axes:
        raise ModelError(f"{where}: the sparsity does not name each of {axes} axes once")
    if any(axis not in range(rank) for axis in block_map) or len(set(block_map)) != len(block_map):
        raise ModelError(f"{where}: the sparsity's block map {block_map} for {rank} axes")
    if any(axis < rank for axis in order[rank:]):
        raise ModelError(f"{where}: the sparsity has blocks outside of its innermost levels")
    return Sparsity(order, block_map, levels)


def densify(values: Array, sparsity: Sparsity, shape: tuple[int, ...], where: str) -> Array:
    """The dense array of ``shape``: ``values`` where the sparsity says, 0 elsewhere."""
    coordinates = _coordinates(sparsity, values.size, where)
    rank = len(shape)
    order, levels = sparsity.traversal_order, sparsity.levels
    index: list[Array] = [np.zeros(0, np.int64)] * rank
    for axis, column in zip(order[:rank], coordinates, strict=False):
        index[axis] = column
    for level, axis, column in zip(levels[rank:], order[rank:], coordinates[rank:], strict=True):
        target = sparsity.block_map[axis - rank]
        index[target] = index[target] * level.size + column
    for column, size in zip(index, shape, strict=True):
        if column.size and not 0 <= column.min() <= column.max() < size:
            raise ModelError(f"{where}: a sparse index lies outside of the shape {shape}")
    dense = np.zeros(math.prod(shape), values.dtype)
    if rank:
        dense[np.ravel_multi_index(index, shape)] = values
    else:
        dense[: values.size] = values
    return dense.reshape(shape)


def _coordinates(sparsity: Sparsity, stored: int, where: str) -> list[Array]:
    """Per level the index of each stored value."""
    # No level may have more entries than something in the file vouches for.
    most = max([stored, *(s.segments.size for s in sparsity.levels if s.segments is not None)])
    columns: list[Array] = []
    count = 1
    for level in sparsity.levels:
        if level.segments is None or level.indices is None:
            if count * level.size > most:
                raise ModelError(f"{where}: the sparsity has more entries than the tensor values")
            columns = [np.repeat(c, level.size) for c in columns]
            columns.append(np.tile(np.arange(level.size), count))
            count *= level.size
            continue
        lengths = np.diff(level.segments)
        if lengths.size != count or level.segments[0] != 0 or (lengths < 0).any():
            raise ModelError(f"{where}: the sparsity's segments do not fit {count} entries")
        if level.segments[-1] != level.indices.size:
            raise ModelError(f"{where}: the sparsity's segments do not end with its indices")
        columns = [np.repeat(c, lengths) for c in columns]
        columns.append(level.indices)
        count = level.indices.size
    if count != stored:
        raise ModelError(f"{where}: {stored} values for a sparsity with {count} entries")
    return columns


def _level(record: Record, where: str) -> Level:
    if record.format == tflite.DimensionType.DENSE:
        if record.dense_size < 0:
            raise ModelError(f"{where}: a sparse axis of {record.dense_size}")
        return Level(record.dense_size)
    segments, indices = record.array_segments, record.array_indices
    if record.format != tflite.DimensionType.SPARSE_CSR or segments is None or indices is None:
        raise ModelError(f"{where}: a sparse axis without segments and indices")
    starts, listed = _index_vector(segments), _index_vector(indices)
    if not starts.size:
        raise ModelError(f"{where}: a sparse axis without segments and indices")
    return Level(record.dense_size, starts, listed)


def _index_vector(record: Record) -> Array:
    values: Array | None = record.values
    if values is None:
        return np.zeros(0, np.int64)
    record.reader.spend(8 * values.size)
    return values.astype(np.int64)


def _ints(vector: Array | None) -> tuple[int, ...]:
    return () if vector is None else tuple(vector.tolist())
