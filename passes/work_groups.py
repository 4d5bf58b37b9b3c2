"""Selects the work-group size of every kernel that leaves it open."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import permutations, product

from tflgpuc.ir.errors import LimitError
from tflgpuc.ir.schedule import Schedule
from tflgpuc.ir.shader import Builtin, Expr, Kernel
from tflgpuc.ir.shader.rewrite import rewrite_kernel
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import SchedulePass

Size = tuple[int, int, int]
# Groups of fewer invocations cost more to launch than they keep busy, even where waves are short.
LEAST = 32


class WorkGroups(SchedulePass, name="work-groups"):
    """Selects work-group sizes: few idle invocations, whole waves, neighbours along x together."""

    def run(self, schedule: Schedule, target: Target) -> Schedule:
        new: dict[Kernel, Kernel] = {}
        for kernel in schedule.kernels():
            sized = kernel if kernel.group is not None else sized_for(kernel, target)
            check_limits(sized, target)
            new[kernel] = sized
        return schedule.with_kernels(new)


def sized_for(kernel: Kernel, target: Target) -> Kernel:
    """The kernel with a work-group size, and its grid turned where that keeps more lanes busy."""
    orders = tuple(permutations(range(3))) if target.lanes_along_x > 1 else ((0, 1, 2),)
    best = None
    for order in orders:
        x, y, z = (kernel.grid[axis] for axis in order)
        cost, size = cheapest((x, y, z), target)
        if best is None or cost[0] < best[0]:
            best = (cost[0], order, size, (x, y, z))
    assert best is not None
    _, order, size, grid = best
    turned = kernel if order == (0, 1, 2) else turn(kernel, order)
    return replace(turned, grid=grid, group=size)


def turn(kernel: Kernel, order: tuple[int, ...]) -> Kernel:
    """The kernel with its grid's axes in another order: axis i of the new grid was ``order[i]``."""

    def turned(e: Expr) -> Expr:
        if isinstance(e, Builtin) and e.kind == "global_id":
            return replace(e, axis=order.index(e.axis))
        return e

    return rewrite_kernel(kernel, turned)


def choose_group(grid: Size, target: Target) -> Size:
    """The best size of powers of two for a grid; see ``cheapest``."""
    return cheapest(grid, target)[1]


def cheapest(grid: Size, target: Target) -> tuple[tuple[float, ...], Size]:
    """The best size of powers of two for a grid, with its cost.

    Waste is the share of launched lanes that have no work. Among sizes that waste about as little,
    one that fills waves exactly, is close to two waves, or to 32 invocations where that is more, and is
    longest along x is best.
    """
    lanes = target.lanes_along_x
    xs, ys, zs = (
        [n for n in (1 << i for i in range(11)) if n <= limit and n < 2 * extent]
        for extent, limit in zip(grid, target.max_group, strict=True)
    )
    wanted = min(target.max_invocations, max(2 * target.wave, LEAST))

    def cost(size: Size) -> tuple[float, ...]:
        total = -(-size[0] // lanes) * lanes * size[1] * size[2]
        waves = -(-total // target.wave) * target.wave
        groups = math.prod(-(-g // s) for g, s in zip(grid, size, strict=True))
        launched = groups * waves / math.prod(grid)
        distance = abs(math.log2(total / wanted))
        return (round(launched * 8), distance, -size[0], -size[1], size[2])

    allowed = [s for s in product(xs, ys, zs) if math.prod(s) <= target.max_invocations]
    size = min(allowed, key=cost)
    return cost(size), size


def check_limits(kernel: Kernel, target: Target) -> None:
    """Raises LimitError, naming kernel and limit, where the target can't launch the kernel."""
    size, groups = kernel.size, kernel.groups
    checks = [
        (math.prod(size), target.max_invocations, "invocations in a work group"),
        *((size[i], target.max_group[i], f"work-group size along {'xyz'[i]}") for i in range(3)),
        *((groups[i], target.max_groups[i], f"work groups along {'xyz'[i]}") for i in range(3)),
        (len(kernel.buffers), target.storage_blocks, "storage blocks"),
        (kernel.shared_bytes, target.shared_bytes, "bytes of shared memory"),
    ]
    for have, limit, what in checks:
        if have > limit:
            raise LimitError(
                f"kernel {kernel.name}: {have} {what}, target {target.name} allows {limit}"
            )
