"""Plans where every tensor lies: one arena for what lives only during a run."""

from __future__ import annotations

import bisect
import heapq
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tflgpuc.ir.errors import LimitError
from tflgpuc.ir.schedule import ARENA, Placement, Schedule
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import SchedulePass


@dataclass(frozen=True)
class Lifetime:
    """A tensor's size in bytes, and the first and last step that need it."""

    name: str
    size: int
    first: int
    last: int

    def meets(self, other: Lifetime) -> bool:
        """Whether both are alive at some step."""
        return self.first <= other.last and other.first <= self.last


# How often the search tries, and at most how many tensors and neighbours it looks at.
TRIES, EFFORT = 2000, 4_000_000
# With more pairs of tensors alive together than this, only a plan that needs no pairs is made.
PAIRS = 200_000
# Which tensors are alive at the same time as each.
Conflicts = Mapping[str, list[str]]


class Memory(SchedulePass, name="memory"):
    """Places tensors that are never alive together in the same bytes of one arena."""

    def run(self, schedule: Schedule, target: Target) -> Schedule:
        alive = lifetimes(schedule, target.storage_alignment)
        offsets = best_offsets(alive)
        placements = {
            a.name: Placement(ARENA, offsets[a.name], schedule.tensors[a.name].type.bytes)
            for a in alive
        }
        # The others outlive a run, or are the CPU's too: each has a buffer of its own.
        bound = schedule.bound()
        for name, tensor in schedule.tensors.items():
            if tensor.role != "intermediate" and name in bound:
                placements[name] = Placement(f"{tensor.role}:{name}", 0, tensor.type.bytes)
        for name, place in placements.items():
            if place.size > target.storage_bytes:
                raise LimitError(
                    f"tensor {name}: {place.size} bytes, "
                    f"target {target.name} binds {target.storage_bytes}"
                )
        arena = max((offsets[a.name] + a.size for a in alive), default=0)
        return replace(
            schedule, placements=placements, arena_bytes=arena, lower_bound=lower_bound(alive)
        )


def lifetimes(schedule: Schedule, alignment: int) -> list[Lifetime]:
    """The intermediates of a schedule, sizes rounded up to the alignment of a binding."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for i, step in enumerate(schedule.steps):
        for name in sorted(step.reads() | step.writes()):
            first.setdefault(name, i)
            last[name] = i
    return [
        Lifetime(
            name, -(-schedule.tensors[name].type.bytes // alignment) * alignment, i, last[name]
        )
        for name, i in first.items()
        if schedule.tensors[name].role == "intermediate"
    ]


def lower_bound(alive: list[Lifetime]) -> int:
    """The largest sum of sizes alive at one step: no arena can be smaller."""
    change: dict[int, int] = {}
    for a in alive:
        change[a.first] = change.get(a.first, 0) + a.size
        change[a.last + 1] = change.get(a.last + 1, 0) - a.size
    most = now = 0
    for step in sorted(change):
        now += change[step]
        most = max(most, now)
    return most


def best_offsets(alive: list[Lifetime]) -> Mapping[str, int]:
    """The smallest of a few greedy plans, then a search around it; meeting the lower bound ends both.

    Greedy by size is Pisarchyk and Lee's (arXiv 2001.03288); the other orders win on graphs where
    large tensors come late.
    """
    if pairs(alive) > PAIRS:
        return swept(alive)
    bound = lower_bound(alive)
    graph = conflicts(alive)
    orders = (
        lambda a: (-a.size, a.first, a.name),
        lambda a: (-a.size * (a.last - a.first + 1), a.first, a.name),
        lambda a: (a.first, -a.size, a.name),
        lambda a: (-(a.last - a.first), -a.size, a.name),
    )
    plans = []
    for key in orders:
        order = sorted(alive, key=key)
        offsets = place(order, graph)
        plans.append((top(order, offsets), order, offsets))
        if plans[-1][0] == bound:
            return offsets
    size, order, offsets = min(plans, key=lambda plan: plan[0])
    return searched(order, offsets, graph, bound) if size > bound else offsets


def top(alive: list[Lifetime], offsets: Mapping[str, int]) -> int:
    """The bytes that a plan takes."""
    return max((offsets[a.name] + a.size for a in alive), default=0)


def searched(
    order: list[Lifetime], offsets: dict[str, int], graph: Conflicts, bound: int
) -> dict[str, int]:
    """A plan at least as small, by placing what sticks out earlier, or at times anything at all.

    The same tensors always give the same plan. The effort is bounded: few tries for many tensors.
    """
    rng = random.Random(0)
    best, best_size = offsets, top(order, offsets)
    current, current_size = order, best_size
    work = len(order) + sum(map(len, graph.values())) // 2 + 1
    for _ in range(min(TRIES, EFFORT // work)):
        highest = [a for a in current if offsets[a.name] + a.size == current_size]
        moved = rng.choice(highest if rng.random() < 0.7 else current)
        rest = [a for a in current if a is not moved]
        at = rng.randrange(current.index(moved) + 1)
        changed = [*rest[:at], moved, *rest[at:]]
        found = place(changed, graph)
        size = top(changed, found)
        if size <= current_size or rng.random() < 0.05:
            current, current_size, offsets = changed, size, found
        if size < best_size:
            best, best_size = found, size
        if best_size == bound:
            break
    return best


def pairs(alive: list[Lifetime]) -> int:
    """How many pairs of tensors are alive together."""
    dying: list[int] = []
    count = 0
    for a in sorted(alive, key=lambda a: a.first):
        while dying and dying[0] < a.first:
            heapq.heappop(dying)
        count += len(dying)
        heapq.heappush(dying, a.last)
    return count


def conflicts(alive: list[Lifetime]) -> dict[str, list[str]]:
    """Tensors that are alive together: an interval graph, swept in order of birth."""
    graph: dict[str, list[str]] = {}
    running: list[Lifetime] = []
    for a in sorted(alive, key=lambda a: (a.first, a.name)):
        running = [b for b in running if b.last >= a.first]
        graph[a.name] = [b.name for b in running]
        for b in running:
            graph[b.name].append(a.name)
        running.append(a)
    return graph


def place(order: list[Lifetime], graph: Conflicts) -> dict[str, int]:
    """Each tensor in turn into the smallest gap between its placed neighbours that holds it."""
    placed: dict[str, tuple[int, int]] = {}
    for a in order:
        taken = sorted(placed[n] for n in graph[a.name] if n in placed)
        best, best_gap, end = None, None, 0
        for start, stop in taken:
            gap = start - end
            if gap >= a.size and (best_gap is None or gap < best_gap):
                best, best_gap = end, gap
            end = max(end, stop)
        offset = end if best is None else best
        placed[a.name] = (offset, offset + a.size)
    return {name: start for name, (start, _) in placed.items()}


def swept(alive: list[Lifetime]) -> dict[str, int]:
    """Each tensor, in order of birth, into the smallest hole among those alive then."""
    offsets: dict[str, int] = {}
    holes: list[tuple[int, float]] = [(0, math.inf)]
    dying: list[tuple[int, int, int]] = []
    for a in sorted(alive, key=lambda a: (a.first, -a.size, a.name)):
        while dying and dying[0][0] < a.first:
            _, start, stop = heapq.heappop(dying)
            _release(holes, start, stop)
        at = min(
            (i for i, (start, stop) in enumerate(holes) if stop - start >= a.size),
            key=lambda i: holes[i][1] - holes[i][0],
        )
        start, end = holes[at]
        offsets[a.name] = start
        holes[at : at + 1] = [(start + a.size, end)] if start + a.size < end else []
        heapq.heappush(dying, (a.last, start, start + a.size))
    return offsets


def _release(holes: list[tuple[int, float]], start: int, stop: int) -> None:
    """Makes a range a hole, one with the holes that it touches."""
    at = bisect.bisect(holes, (start, stop))
    end: float = stop
    if at < len(holes) and holes[at][0] == stop:
        end = holes.pop(at)[1]
    if at and holes[at - 1][1] == start:
        at -= 1
        start = holes.pop(at)[0]
    holes.insert(at, (start, end))
