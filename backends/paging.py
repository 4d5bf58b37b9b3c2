"""Keeps large constants out of memory: they lie in mapped files, and what was read needn't stay."""

from __future__ import annotations

import mmap
import tempfile
from typing import Any

import numpy as np

from tflgpuc.ir.graph.op import Array

# Smaller constants aren't worth a call of the system.
WORTH = 1 << 20
# Each spooled array takes a file descriptor until it is dropped.
SPOOLED = 16 << 20


def spooled(data: Array) -> Array:
    """A large array's copy in a temporary file that nothing names; others as they are."""
    if data.nbytes < SPOOLED:
        return data
    with tempfile.TemporaryFile() as file:
        file.write(np.ascontiguousarray(data).reshape(-1).view(np.uint8).data)
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(mapped, data.dtype).reshape(data.shape)


def release(data: Array) -> None:
    """Lets the system drop the pages under a large view of a mapped file; reading loads them again."""
    if data.nbytes < WORTH or not hasattr(mmap, "MADV_DONTNEED"):
        return
    owner = _owner(data)
    if owner is None:
        return
    address = data.__array_interface__["data"][0]
    start = address - np.frombuffer(owner, np.uint8).__array_interface__["data"][0]
    first = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
    length = start + data.nbytes - first
    if 0 <= start and 0 < length:
        owner.madvise(mmap.MADV_DONTNEED, first, length)


def _owner(data: Array) -> mmap.mmap | None:
    """The read-only mapping that an array is a view of; None where it has memory of its own."""
    found: Any = data
    while isinstance(found, np.ndarray | memoryview):
        found = found.obj if isinstance(found, memoryview) else found.base
    if isinstance(found, mmap.mmap) and not np.frombuffer(found, np.uint8).flags.writeable:
        return found
    return None
