"""Compares a bundle with LiteRT, output by output."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tflgpuc.backends.bundle import Bundle
from tflgpuc.conversions import Conversions, model_inputs
from tflgpuc.frontend import import_model
from tflgpuc.images import cases
from tflgpuc.ir.errors import BundleError, ModelError, TflgpucError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.ops.dequantize import Dequantize
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.image_formats import OutputFormat
from tflgpuc.litert import LiteRt
from tflgpuc.random_inputs import closed, ports_of

Array = NDArray[Any]
TOLERANCE = {"f32": 1e-4, "f16": 1e-2}
# The share of a quantised output's elements that may be off by more than one step.
STRAY = 1e-3
# What rounding may add to a difference of one step between floats that stand for quantised numbers.
SLACK = 1e-3
# Elements compared at a time.
PIECE = 1 << 22
# What keeps values from run to run, and how many runs show it.
STATE_OPCODES = ("VARIABLE_TENSOR", "VAR_HANDLE", "CALL_ONCE")
STATEFUL_RUNS = 3


@dataclass(frozen=True)
class Rule:
    """How one output is judged.

    ``relative``: by the largest difference over the largest of 1 and the reference's range, against
    ``tolerance``. The others by the share of elements that are off, against ``tolerance``: ``exact``
    ones are off where they differ, ``quantum`` ones where they differ by more than one ``step`` of
    their quantisation.
    """

    kind: Literal["relative", "exact", "quantum"]
    tolerance: float
    step: float = 1.0


@dataclass(frozen=True)
class Comparison:
    """One output of one case, judged by ``rule``.

    ``error`` is the largest difference from LiteRT, in steps for quantised outputs; ``relative`` what
    the rule measures; it passes up to ``tolerance``. Where LiteRT's own sets of CPU kernels differ by
    more than that, ``spread`` is the most they differ by, and an output passes that differs from none
    of them by more: nobody can say which is right. ``spread`` is None where it wasn't needed.
    """

    case: str
    output: str
    rule: str
    error: float
    relative: float
    tolerance: float
    spread: float | None
    passed: bool

    @property
    def verdict(self) -> str:
        """One word, or a few."""
        if math.isinf(self.error):
            return "FAIL: NaN or Inf where LiteRT has none, or another shape or type"
        if not self.passed:
            return "FAIL"
        if self.spread is not None:
            return "pass, within LiteRT's own spread"
        return "pass, within a quantum" if self.rule == "quantum" and self.error else "pass"

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
    """Runs both on random inputs, and on each file of a folder; models that keep state several times.

    ``tolerance`` is for outputs that are floats; integers are compared as ``Rule`` says. ``strict``
    never widens the tolerance; one that is given isn't widened either. Raises BundleError where the
    bundle can't be this model's: it has more or fewer inputs or outputs.
    """
    listed_inputs = bundle.manifest["inputs"]
    wanted_inputs = model_inputs(bundle.manifest)
    shapes = [closed(p["shape"]) for p in wanted_inputs]
    reference = LiteRt(model, shapes)
    graph = graph_of(model, wanted_inputs)
    formats = Conversions(bundle.manifest, graph)
    sources = formats.sources(len(reference.outputs))
    if (len(reference.inputs), len(sources)) != (len(shapes), len(bundle.manifest["outputs"])):
        raise BundleError(f"the bundle's inputs and outputs aren't those of {model.name}")
    limit = TOLERANCE[bundle.manifest["precision"]] if tolerance is None else tolerance
    # Halves are promised a share of the range, not steps.
    exact = tolerance is None and bundle.manifest["precision"] == "f32"
    scales = _dequantised(graph) if exact and graph is not None else {}
    rules = [
        _formatted_rule(format, places, limit)
        if format is not None
        else _rule(reference.outputs[i], limit, scales.get(i))
        for i, format, places in sources
    ]
    widens = not strict and tolerance is None
    others = _Others(model, shapes, formats)
    found: list[Comparison] = []
    with bundle.runner(device, **(options or {})) as runner:
        listed = cases(inputs, ports_of(listed_inputs, graph), seed)
        runs = _repeated(listed, STATEFUL_RUNS if _keeps_state(bundle, graph) else 1)
        for i, (case, arrays) in enumerate(runs.items()):
            progress(case, i, len(runs))
            # Inputs and outputs pair up in the model's order: files may lack names.
            wanted = formats.made(reference.run(formats.given(arrays)))
            made = list(runner.run(arrays).items())
            rows = [
                _compared(case, name, rule, want, got)
                for rule, want, (name, got) in zip(rules, wanted, made, strict=True)
            ]
            if widens and not all(row.passed for row in rows):
                again = others.after(list(runs.values())[: i + 1])
                rows = [
                    _widened(row, rules[j], wanted[j], made[j][1], [o[j] for o in again])
                    for j, row in enumerate(rows)
                ]
            found += rows
    return found


def _repeated(listed: Mapping[str, dict[str, Array]], times: int) -> dict[str, dict[str, Array]]:
    """Every case as often as needed to see what is kept from run to run."""
    return {
        f"{case}, run {n + 1}" if n else case: arrays
        for case, arrays in listed.items()
        for n in range(times)
    }


def _keeps_state(bundle: Bundle, graph: Graph | None) -> bool:
    """Whether what a run gives may depend on the runs before it."""
    ops = graph.ops if graph is not None else ()
    keeps = any(isinstance(op, Opaque) and op.opcode in STATE_OPCODES for op in ops)
    return keeps or bool(bundle.manifest.get("states"))


class _Others:
    """LiteRT with its other sets of kernels, those that know all ops; made when they are needed."""

    def __init__(self, model: Path, shapes: list[list[int]], formats: Conversions) -> None:
        self._model, self._shapes, self._formats = model, shapes, formats
        self._made: list[LiteRt] | None = None
        self._ran = 0

    def after(self, runs: Sequence[Mapping[str, Array]]) -> list[list[Array]]:
        """Each one's outputs of the last run, after all runs before it."""
        if self._made is None:
            self._made = []
            for kernels in ("optimized", "reference"):
                with contextlib.suppress(ModelError):
                    self._made.append(LiteRt(self._model, self._shapes, kernels=kernels))
        for arrays in runs[self._ran : -1]:
            for other in self._made:
                other.run(self._formats.given(arrays))
        self._ran = len(runs)
        given = self._formats.given(runs[-1])
        return [self._formats.made(other.run(given)) for other in self._made]


def graph_of(model: Path, inputs: Sequence[Mapping[str, Any]]) -> Graph | None:
    """The model's graph, which says what its inputs mean; None where it can't be read."""
    shapes = {p["name"]: tuple(closed(p["shape"])) for p in inputs}
    with contextlib.suppress(TflgpucError):
        return import_model(model, input_shapes=shapes).main
    return None


def _dequantised(graph: Graph) -> dict[int, float]:
    """The step of each output that is a quantised tensor as floats."""
    found = {}
    for i, value in enumerate(graph.outputs):
        known = value.op.input.type.quantization if isinstance(value.op, Dequantize) else None
        if known is not None and len(known.scale) == 1 and known.scale[0] > 0:
            found[i] = known.scale[0]
    return found


def _rule(detail: Mapping[str, Any], limit: float, step: float | None) -> Rule:
    dtype = np.dtype(detail["dtype"])
    if dtype.kind in "fc":
        return Rule("relative", limit) if step is None else Rule("quantum", STRAY, step)
    quantised = len(detail["quantization_parameters"]["scales"]) > 0
    if quantised and dtype.kind in "iu" and dtype.itemsize <= 2:
        return Rule("quantum", STRAY)
    return Rule("exact", 0.0)


def _formatted_rule(format: OutputFormat, places: bool, limit: float) -> Rule:
    """Bytes may be a step off, and places another's where two elements are nearly the same."""
    if format.kind == "rgba8":
        return Rule("quantum", STRAY)
    return Rule("exact", STRAY) if places else Rule("relative", limit)


def _measured(rule: Rule, wanted: Array, made: Array) -> tuple[float, float]:
    """The largest difference, and what the rule's tolerance is for; infinite where they don't fit."""
    nothing = float("inf"), float("inf")
    same = wanted.dtype == made.dtype or {wanted.dtype.kind, made.dtype.kind} <= set("SO")
    if wanted.shape != made.shape or not (same or wanted.dtype.kind in "fc"):
        return nothing
    if rule.kind == "relative":
        return _relative(wanted, made)
    if wanted.dtype.kind not in "fiub":
        differs = wanted != made
        return float(np.any(differs)), _share(differs)
    a, b = wanted.astype(np.float64), made.astype(np.float64)
    finite = np.isfinite(a)
    if not np.isfinite(b[finite]).all():
        return nothing
    steps = np.abs(a[finite] - b[finite]) / rule.step
    return float(steps.max(initial=0.0)), _share(_off(rule, wanted, made)[finite])


def _off(rule: Rule, wanted: Array, made: Array) -> NDArray[np.bool_]:
    """Which elements the rule doesn't allow."""
    if rule.kind == "exact":
        return np.asarray(wanted != made, np.bool_)
    slack = SLACK if wanted.dtype.kind == "f" else 0.0
    difference = np.abs(wanted.astype(np.float64) - made.astype(np.float64))
    return np.asarray(difference > rule.step * (1 + slack), np.bool_)


def _share(off: NDArray[np.bool_]) -> float:
    return float(np.mean(off)) if off.size else 0.0


def _relative(wanted: Array, made: Array) -> tuple[float, float]:
    wide = np.complex128 if wanted.dtype.kind == "c" else np.float64
    error = largest = 0.0
    for a, b in _pieces(wanted, made):
        right, found = a.astype(wide), b.astype(wide)
        finite = np.isfinite(right)
        if not np.isfinite(found[finite]).all():
            return float("inf"), float("inf")
        error = max(error, float(np.abs(right[finite] - found[finite]).max(initial=0.0)))
        largest = max(largest, float(np.abs(right[finite]).max(initial=0.0)))
    return error, error / max(1.0, largest)


def _pieces(wanted: Array, made: Array) -> Iterator[tuple[Array, Array]]:
    """Both in parts, so that wider copies of them stay small."""
    a, b = wanted.reshape(-1), made.reshape(-1)
    for start in range(0, max(a.size, 1), PIECE):
        yield a[start : start + PIECE], b[start : start + PIECE]


def _compared(case: str, name: str, rule: Rule, wanted: Array, made: Array) -> Comparison:
    error, relative = _measured(rule, wanted, made)
    passed = relative <= rule.tolerance
    return Comparison(case, name, rule.kind, error, relative, rule.tolerance, None, passed)


def _widened(
    row: Comparison, rule: Rule, wanted: Array, made: Array, others: Sequence[Array]
) -> Comparison:
    """The row judged again where LiteRT itself is less certain than the tolerance."""
    if row.passed or math.isinf(row.error):
        return row
    spreads = [_measured(rule, wanted, other)[1] for other in others]
    spread = max((s for s in spreads if math.isfinite(s)), default=0.0)
    if spread <= row.tolerance:
        return row
    if rule.kind == "relative":
        return replace(row, spread=spread, passed=row.relative <= row.tolerance + spread)
    off = _off(rule, wanted, made)
    for other in others:
        if other.shape == made.shape:
            off &= _off(rule, other, made)
    return replace(row, spread=spread, passed=_share(off) <= row.tolerance)
