"""One buffer where several hold the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tflgpuc.ir.shader.expr import Buffer, Expr, Load
from tflgpuc.ir.shader.rewrite import rewrite_kernel
from tflgpuc.ir.shader.stmt import Kernel


def merge_buffers(kernel: Kernel, contents: Sequence[object]) -> tuple[Kernel, tuple[int, ...]]:
    """The kernel with the first of the buffers that it only reads and that have equal ``contents``.

    Also gives which of its buffers are left. What has no content, None, is like nothing else.
    """
    first: dict[object, Buffer] = {}
    twins: dict[Buffer, Buffer] = {}
    kept = []
    for i, (buffer, content) in enumerate(zip(kernel.buffers, contents, strict=True)):
        if buffer.access == "read" and content is not None and content in first:
            twins[buffer] = first[content]
            continue
        kept.append(i)
        if buffer.access == "read":
            first[content] = buffer

    def merged(e: Expr) -> Expr:
        if isinstance(e, Load) and isinstance(e.memory, Buffer) and e.memory in twins:
            return replace(e, memory=twins[e.memory])
        return e

    if twins:
        buffers = tuple(kernel.buffers[i] for i in kept)
        kernel = replace(rewrite_kernel(kernel, merged), buffers=buffers)
    return kernel, tuple(kept)
