"""What BATCH_TO_SPACE_ND and SPACE_TO_BATCH_ND share."""

from __future__ import annotations

from tflgpuc.ir.graph.axes import static_ints
from tflgpuc.ir.graph.op import Op, Value


class Blocks(Op):
    """Moves between batch and space: ``input`` is [batch, space.., depth] with one or two of space."""

    input: Value
    block_shape: Value

    @property
    def block(self) -> tuple[int, ...]:
        """The edges of a block, one for each axis of space."""
        return static_ints(self.block_shape, "block_shape")

    def margins(self, operand: Value, what: str) -> tuple[tuple[int, int], ...]:
        """Pairs of before and after for each axis of space."""
        flat = static_ints(operand, what)
        return tuple(zip(flat[::2], flat[1::2], strict=True))

    def verify_blocks(self, operand: Value, what: str) -> None:
        """Checks the shapes of all operands, and that blocks have elements."""
        rank, axes = self.input.type.rank, self.block_shape.type.size
        self.check(rank in (3, 4), f"input of rank {rank}")
        self.check(self.block_shape.type.shape == (rank - 2,), f"{axes} block sizes for {rank}")
        wanted = (rank - 2, 2)
        self.check(operand.type.shape == wanted, f"{what} are {operand.type}, not {wanted}")
        self.check(min(self.block) >= 1, f"blocks of {self.block}")
