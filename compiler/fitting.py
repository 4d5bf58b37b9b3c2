"""What measurements say of a target's rates, and of how well they are estimated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tflgpuc.backends.kernels.catalogue import build
from tflgpuc.ir.errors import UsageError
from tflgpuc.ir.shader import Kernel
from tflgpuc.ir.target import Rates, Target
from tflgpuc.passes.cost import predict, with_registers
from tflgpuc.tuning import Subject
from tflgpuc.tuning_cache import Measurement

# What measurements show no trace of becomes at most so many times as fast as it was.
MOST = 100.0

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """A kernel and the seconds that one launch of it took."""

    kernel: Kernel
    seconds: float


def samples(
    found: Iterable[Subject], measured: Mapping[tuple[str, str], Measurement], driver: str
) -> list[Sample]:
    """The kernels of all variants, as they are when their costs are estimated."""
    made = []
    for subject in found:
        for candidate, key in zip(subject.candidates, subject.keys, strict=True):
            built = build(subject.op, "kernel", candidate.variant, subject.target, dry=True)
            seconds = measured[driver, key].seconds
            made += [Sample(b.kernel, s) for b, s in zip(built, seconds, strict=True)]
    return made


def fitted(found: Sequence[Sample], target: Target) -> Target:
    """The target with the rates at which estimates come closest to the times, by relative error.

    Raises UsageError where there are no times.
    """
    if not found:
        raise UsageError("no measurements to fit rates to")
    costs, rates = target.costs, target.rates
    ways = [
        _only(target, flops=1.0),
        _only(target, storage=1.0),
        _only(target, texels=1.0),
        _only(target, shared=1.0),
        _only(target, gpu_bytes=1.0),
    ]
    rows = [[1.0, *(_seconds(s.kernel, way) for way in ways)] for s in found]
    table = np.array(rows) / np.array([[s.seconds] for s in found])
    launch, *each = nonnegative(table, np.ones(len(found)))
    had = (rates.flops, rates.storage, rates.texels, rates.shared, costs.gpu_bytes)
    flops, storage, texels, shared, gpu_bytes = (
        _rate(seconds, old, bool(column.any()))
        for seconds, old, column in zip(each, had, table.T[1:], strict=True)
    )
    launch = max(float(f"{launch:.3g}"), costs.launch / MOST)
    return replace(
        target,
        costs=replace(costs, launch=launch, gpu_bytes=gpu_bytes),
        rates=Rates(flops, storage, texels, shared, rates.registers),
    )


def _only(
    target: Target,
    *,
    flops: float = math.inf,
    storage: float = math.inf,
    texels: float = math.inf,
    shared: float = math.inf,
    gpu_bytes: float = math.inf,
) -> Target:
    """A target on which only one thing takes time."""
    rates = Rates(flops, storage, texels, shared, target.rates.registers)
    return replace(
        target, rates=rates, costs=replace(target.costs, launch=0.0, gpu_bytes=gpu_bytes)
    )


def _seconds(kernel: Kernel, target: Target) -> float:
    return with_registers(predict(kernel, target), kernel, target).seconds


def _rate(seconds: float, old: float, measured: bool) -> float:
    if not measured:
        return old
    return float(f"{min(1 / seconds, MOST * old) if seconds > 0 else MOST * old:.3g}")


def nonnegative(table: Vector, wanted: Vector) -> Vector:
    """The x without negatives for which ``table @ x`` is closest to ``wanted``, by squares.

    The best is the plain solution for some of the columns, and there are few enough to try all.
    """
    count = table.shape[1]
    best, least = np.zeros(count), float(wanted @ wanted)
    scale = np.abs(table).max(axis=0, initial=0.0)
    useful = [i for i in range(count) if scale[i] > 0]
    for size in range(1, len(useful) + 1):
        for columns in map(list, combinations(useful, size)):
            x = np.linalg.lstsq(table[:, columns] / scale[columns], wanted, rcond=None)[0]
            error = table[:, columns] / scale[columns] @ x - wanted
            if x.min() >= 0 and float(error @ error) < least * (1 - 1e-9):
                best, least = np.zeros(count), float(error @ error)
                best[columns] = x / scale[columns]
    return best


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's: 1 where both are in the same order, 0 where either has none."""
    if len(a) < 2:
        return 0.0
    x, y = (_ranks(np.array(v, np.float64)) for v in (a, b))
    x, y = x - x.mean(), y - y.mean()
    norm = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / norm if norm else 0.0


def _ranks(values: Vector) -> Vector:
    """Each value's place in order, equal ones their mean place."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: Vector = (ends - (counts - 1) / 2)[inverse]
    return ranks
