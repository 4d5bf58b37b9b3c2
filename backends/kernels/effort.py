"""How much work kernels may take on that look at many elements for each one they make."""

from __future__ import annotations

from tflgpuc.ir.graph.op import Op

# More than this takes a slow GPU some milliseconds: as long as a CPU with a better algorithm.
MOST_STEPS = 1 << 26


def excessive(op: Op, each: int) -> str | None:
    """Why an op isn't worth so many steps for each element of its result; None where it is."""
    size = op.results[0].type.size
    return None if size * each <= MOST_STEPS else f"it takes {size} times {each} steps"
