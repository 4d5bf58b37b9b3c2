"""Chooses among the variants of a kernel: builds each, estimates its cost, takes the cheapest.

Where the target comes with measurements of all variants of a kernel, these decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import Any

from tflgpuc.backends.kernels.catalogue import build, definition
from tflgpuc.backends.kernels.context import Built
from tflgpuc.backends.kernels.separable import plans, staged
from tflgpuc.backends.kernels.variants import Variant
from tflgpuc.ir import schedule
from tflgpuc.ir.graph.op import BASE_FIELDS, Value
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.fused import Fused
from tflgpuc.ir.target import Target, Tile
from tflgpuc.passes.cost import Cost, predict, with_registers
from tflgpuc.passes.tuned import launch_keys

# Constants of more elements than this are weights.
SMALL = 64
# Estimates of so many kernels are kept, in the order in which they were made.
REMEMBERED = 4096


@dataclass(frozen=True)
class Candidate:
    """One way to compute an op, and what it would cost; ``measured`` is by launch, too, or empty."""

    variant: Variant
    costs: tuple[Cost, ...]
    measured: tuple[float, ...] = ()

    @property
    def predicted(self) -> float:
        """The estimate for all launches."""
        return sum(cost.seconds for cost in self.costs)

    @property
    def seconds(self) -> float:
        """What all launches take: as measured, else the estimate."""
        return sum(self.measured) if self.measured else self.predicted


_KNOWN: dict[Any, tuple[Candidate, ...]] = {}


@dataclass(frozen=True, eq=False)
class Choice:
    """The variants of a fused op, cheapest first."""

    op: Fused
    target: Target
    candidates: tuple[Candidate, ...]

    @property
    def best(self) -> Candidate:
        """The cheapest."""
        return self.candidates[0]

    @property
    def tile(self) -> Tile:
        """What one invocation computes in the best."""
        variant = self.best.variant
        return variant if isinstance(variant, Tile) else variant.tile

    def considered(self, part: int) -> tuple[schedule.Candidate, ...]:
        """The candidates for one of the launches, for people to read."""
        return tuple(
            schedule.Candidate(
                str(c.variant),
                c.costs[part].seconds,
                str(c.costs[part]),
                c.measured[part] if c.measured else None,
                asdict(c.costs[part]),
            )
            for c in self.candidates
        )

    @cached_property
    def kernels(self) -> list[Built]:
        """The kernels of the best variant, with their constants."""
        return build(self.op, "kernel", self.best.variant, self.target)


def choose(op: Fused, target: Target) -> Choice:
    """The variants of an op's kernel, each with an estimate; equal layers are looked at once."""
    key = replace(target, tuning=None), signature(op)
    if key not in _KNOWN:
        _KNOWN[key] = _estimated(op, variants(op, target), target)
        if len(_KNOWN) > REMEMBERED:
            del _KNOWN[next(iter(_KNOWN))]
    return Choice(op, target, _measured(key[1], _KNOWN[key], target))


def compared(target: Target, *ways: Sequence[Fused]) -> list[float]:
    """Seconds of ways to compute the same thing; as measured only if that is so of all of them."""
    chosen = [[choose(op, target).candidates for op in way] for way in ways]
    measured = all(of[0].measured for way in chosen for of in way)
    return [
        sum(min(c.seconds if measured else c.predicted for c in of) for of in way) for way in chosen
    ]


def _measured(
    signature: Any, found: tuple[Candidate, ...], target: Target
) -> tuple[Candidate, ...]:
    """The candidates with what they were measured to take, fastest first, if all were measured."""
    if target.tuning is None:
        return found
    keys = launch_keys(signature, [c.variant for c in found], target)
    seconds = [target.tuning.seconds.get(key, ()) for key in keys]
    if any(len(s) != len(c.costs) for s, c in zip(seconds, found, strict=True)):
        return found
    made = (replace(c, measured=tuple(s)) for c, s in zip(found, seconds, strict=True))
    return tuple(sorted(made, key=lambda c: c.seconds))


def _estimated(op: Fused, found: list[Variant], target: Target) -> tuple[Candidate, ...]:
    """The variants, cheapest first.

    To count registers is most of the work, and can only make an estimate worse. So it is done from the
    cheapest on until that is cheaper than the next one would be without.
    """
    kernels = {v: [b.kernel for b in build(op, "kernel", v, target, dry=True)] for v in found}
    costs = {v: tuple(predict(k, target) for k in of) for v, of in kernels.items()}
    made = sorted((Candidate(v, costs[v]) for v in found), key=lambda c: c.seconds)
    counted: set[Variant] = set()
    while made[0].variant not in counted:
        first = made[0].variant
        counted.add(first)
        pairs = zip(costs[first], kernels[first], strict=True)
        made[0] = Candidate(first, tuple(with_registers(c, k, target) for c, k in pairs))
        made.sort(key=lambda c: c.seconds)
    return tuple(made)


def variants(op: Fused, target: Target) -> list[Variant]:
    """The variants of a fused op's kernel that are worth an estimate."""
    pair = staged(op)
    if pair is not None:
        return [*plans(pair.depthwise, pair.pointwise, target)]
    found = definition(op.root)
    type = op.types[0]
    if found is None or not found.tiled or type.rank > 4:
        return [Tile(1)]
    if isinstance(found.tiled, tuple):
        return [*found.tiled]
    _, h, w, _ = type.nhwc
    tiles = target.tiles if found.tiled == "slices" else target.depthwise_tiles
    return [t for t in tiles if _fits(t, found.tiled, h, w, type.slices)] or [Tile(1)]


def _fits(tile: Tile, tiled: str, h: int, w: int, slices: int) -> bool:
    """Whether a tile isn't mostly empty."""
    across = h * w if tiled == "slices" else w
    return (
        tile.pixels < 2 * across and tile.rows < 2 * h and tile.slices < 2 * slices
    ) or tile == Tile(1)


def signature(op: Fused) -> Any:
    """What tells the kernels of two fused ops apart, but for the numbers in their constants."""
    names: dict[Value, Any] = {}
    for outer, inner in zip(op.inputs, op.body.inputs, strict=True):
        names[inner] = (len(names), outer.type)
    ops = []
    for each in op.body.ops:
        told = [f.name for f in fields(each) if f.name not in BASE_FIELDS]
        parts = tuple(_part(getattr(each, name), names) for name in told)
        if isinstance(each, Constant):
            data = each.data
            parts = (data.shape, str(data.dtype), each.type)
            # Small ones may be attributes: paddings, sizes, a scalar that becomes a literal.
            parts += (data.tobytes(),) if data.size <= SMALL else ()
        ops.append((type(each), parts))
        names.update({v: len(names) for v in each.results})
    return (
        tuple(ops),
        tuple(names[v] for v in op.body.outputs),
        op.types,
        op.half_weights,
        op.before,
    )


def _part(value: Any, names: dict[Value, Any]) -> Any:
    if isinstance(value, Value):
        return names[value]
    if isinstance(value, tuple):
        return tuple(_part(v, names) for v in value)
    return () if isinstance(value, dict | list) else value
