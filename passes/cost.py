"""What a kernel will cost on a target: an estimate from the shader IR, before any driver sees it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tflgpuc.ir.shader import Kernel
from tflgpuc.ir.shader.pressure import pressure
from tflgpuc.ir.shader.stats import counts
from tflgpuc.ir.target import Target

# How much slower a kernel gets, as a share, for each vec4 that lies in memory: every trip stores it.
SPILL = 5.0
# Targets with this many registers keep the rest in a cache, at no cost that could be told.
PLENTY = 256


@dataclass(frozen=True)
class Cost:
    """Seconds by what they go to; ``registers`` counts the vec4s alive at once, where that was asked.

    ``idle`` is the factor by which lanes without work and spilled registers stretch the rest.
    """

    arithmetic: float
    storage: float
    shared: float
    launch: float
    idle: float
    registers: float | None = None

    @property
    def seconds(self) -> float:
        """The whole."""
        return self.launch + (self.arithmetic + self.storage + self.shared) * self.idle

    def __str__(self) -> str:
        parts = (self.arithmetic, self.storage, self.shared)
        shares = " + ".join(f"{1e6 * part:.0f}" for part in parts)
        alive = "" if self.registers is None else f"; {self.registers:.0f} vec4s alive"
        return (
            f"{1e6 * self.seconds:.0f} us = {1e6 * self.launch:.0f} launch + {self.idle:.2f} x "
            f"({shares}) arithmetic, storage, shared{alive}"
        )


def predict(kernel: Kernel, target: Target) -> Cost:
    """The cost of one launch if registers suffice.

    A kernel without a work-group size is taken to fill its groups.
    """
    rates, found = target.rates, counts(kernel)
    shared = sum(found.loads[s.name] + found.stores[s.name] for s in kernel.shared)
    texels = sum(found.loads[b.name] for b in kernel.buffers if b.row)
    accesses = found.loads.total() + found.stores.total() - shared - texels
    # Each tensor comes from memory, or goes there, once at least.
    tensors = sum(b.count * b.element_bytes for b in kernel.buffers)
    launched = math.prod(kernel.grid)
    if kernel.group is not None:
        waves = -(-math.prod(kernel.group) // target.wave) * target.wave
        launched = math.prod(kernel.groups) * waves
    idle = max(1.0, launched / math.prod(kernel.grid))
    idle *= max(1.0, target.compute_units * target.wave / launched)
    if kernel.group is not None:
        # The last round of groups leaves units without one.
        rounds = math.prod(kernel.groups) / target.compute_units
        idle *= math.ceil(rounds) / rounds if rounds > 1 else 1.0
    return Cost(
        arithmetic=found.flops / rates.flops,
        storage=accesses / rates.storage + texels / rates.texels + tensors / target.costs.gpu_bytes,
        shared=shared / rates.shared,
        launch=target.costs.launch,
        idle=idle,
    )


def with_registers(cost: Cost, kernel: Kernel, target: Target) -> Cost:
    """The cost with what spilling adds to it."""
    if target.rates.registers >= PLENTY:
        return cost
    registers = pressure(kernel)
    spilled = max(0.0, registers - target.rates.registers)
    return replace(cost, idle=cost.idle * (1.0 + SPILL * spilled), registers=registers)
