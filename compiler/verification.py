"""Compares a bundle with LiteRT, output by output."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tflgpuc.backends.bundle import Bundle
from tflgpuc.images import cases
from tflgpuc.ir.errors import BundleError, ModelError
from tflgpuc.litert import LiteRt

Array = NDArray[Any]
TOLERANCE = {"f32": 1e-4, "f16": 1e-2}


@dataclass(frozen=True)
class Comparison:
    """One output of one case.

    ``error`` is the largest difference from LiteRT, ``relative`` that over the largest of 1 and the
    reference's range; it passes up to ``tolerance``. Where LiteRT's own sets of CPU kernels differ by
    more than that, ``spread`` (relative, too) is the most they differ by, and the tolerance is widened
    by it: nobody can say which of them is right. ``spread`` is None where it wasn't needed.
    """

    case: str
    output: str
    error: float
    relative: float
    tolerance: float
    spread: float | None
    passed: bool

    @property
    def verdict(self) -> str:
        """One word, or a few."""
        if math.isinf(self.error):
            return "FAIL: NaN or Inf where LiteRT has none, or another shape"
        if not self.passed:
            return "FAIL"
        return "pass" if self.spread is None else "pass, within LiteRT's own spread"

    def as_json(self) -> dict[str, Any]:
        """The fields and the verdict."""
        return {**asdict(self), "verdict": self.verdict}


def verify(
    model: Path,
    bundle: Bundle,
    *,
    device: str = "interpreter",
    options: Mapping[str, Any] | None = None,
    inputs: Path | None = None,
    seed: int = 0,
    tolerance: float | None = None,
    strict: bool = False,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> list[Comparison]:
    """Runs both on random inputs, and on each file of a folder.

    ``strict`` never widens the tolerance; one that is given isn't widened either. Raises BundleError
    where the bundle can't be this model's: it has more or fewer inputs or outputs.
    """
    ports = {p["name"]: p["shape"] for p in bundle.manifest["inputs"]}
    shapes = list(ports.values())
    reference = LiteRt(model, shapes)
    theirs = (len(reference.inputs), len(reference.outputs))
    if theirs != (len(ports), len(bundle.manifest["outputs"])):
        raise BundleError(f"the bundle's inputs and outputs aren't those of {model.name}")
    limit = TOLERANCE[bundle.manifest["precision"]] if tolerance is None else tolerance
    others: list[LiteRt] | None = None
    found: list[Comparison] = []
    with bundle.runner(device, **(options or {})) as runner:
        listed = cases(inputs, ports, seed)
        for i, (case, arrays) in enumerate(listed.items()):
            progress(case, i, len(listed))
            # Inputs and outputs pair up in the model's order: files may lack names.
            wanted, made = reference.run(arrays), runner.run(arrays)
            pairs = zip(wanted, made.items(), strict=True)
            rows = [_compared(case, name, want, got, limit) for want, (name, got) in pairs]
            if not (strict or tolerance) and not all(row.passed for row in rows):
                others = _others(model, shapes) if others is None else others
                again = [other.run(arrays) for other in others]
                rows = [
                    _widened(row, wanted[j], [outputs[j] for outputs in again])
                    for j, row in enumerate(rows)
                ]
            found += rows
    return found


def _others(model: Path, shapes: list[list[int]]) -> list[LiteRt]:
    """LiteRT with its other sets of kernels, those that know all ops."""
    found = []
    for kernels in ("optimized", "reference"):
        with contextlib.suppress(ModelError):
            found.append(LiteRt(model, shapes, kernels=kernels))
    return found


def _relative(wanted: Array, made: Array) -> tuple[float, float]:
    if wanted.shape != made.shape:
        return float("inf"), float("inf")
    a, b = wanted.astype(np.float64), made.astype(np.float64)
    finite = np.isfinite(a)
    if not np.isfinite(b[finite]).all():
        return float("inf"), float("inf")
    error = float(np.abs(a[finite] - b[finite]).max(initial=0.0))
    return error, error / max(1.0, float(np.abs(a[finite]).max(initial=0.0)))


def _compared(case: str, name: str, wanted: Array, made: Array, tolerance: float) -> Comparison:
    error, relative = _relative(wanted, made)
    return Comparison(case, name, error, relative, tolerance, None, relative <= tolerance)


def _widened(row: Comparison, wanted: Array, others: list[Array]) -> Comparison:
    """The row judged again where LiteRT itself is less certain than the tolerance."""
    if row.passed:
        return row
    spread = max((_relative(wanted, other)[1] for other in others), default=0.0)
    if spread <= row.tolerance:
        return row
    return Comparison(
        row.case,
        row.output,
        row.error,
        row.relative,
        row.tolerance,
        spread,
        row.relative <= row.tolerance + spread,
    )
