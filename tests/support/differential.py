"""One random graph on everything that can run it, each device in a process of its own."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from support.random_graphs import RandomGraph
from tflgpuc.backends.bundle import load
from tflgpuc.backends.tflite import write
from tflgpuc.driver import compile
from tflgpuc.ir.errors import ModelError, UnsupportedError
from tflgpuc.ir.graph.op import Array
from tflgpuc.litert import LiteRt

TOLERANCE = 1e-4
HUGE = 1e38
KERNELS = ("reference", "optimized", "xnnpack")
Results = list[Array]


class Worker:
    """A process that runs functions, started anew where one kills it."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    def ask(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What the function returns; raises BrokenProcessPool where it takes the process with it."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, get_context("spawn"))
        try:
            return self._pool.submit(function, *arguments).result()
        except BrokenProcessPool:
            self.close()
            raise

    def close(self) -> None:
        """Ends the process."""
        if self._pool is not None:
            self._pool.shutdown()
        self._pool = None


def on_litert(file: bytes, arrays: Results) -> list[Results]:
    """The outputs by each set of LiteRT's kernels that runs the model, plain ones first."""
    found = []
    with tempfile.NamedTemporaryFile(suffix=".tflite") as model:
        Path(model.name).write_bytes(file)
        for kernels in KERNELS:
            with contextlib.suppress(ModelError):
                named = {str(i): array for i, array in enumerate(arrays)}
                litert = LiteRt(Path(model.name), kernels=kernels)
                found.append([np.array(a) for a in litert.run(named)])
    return found


def on_gles(folder: Path, inputs: dict[str, Array]) -> Results:
    """The outputs by Mesa."""
    os.environ["MESA_SHADER_CACHE_DISABLE"] = "1"
    with load(folder).runner("gles") as runner:
        return list(runner.run(inputs).values())


def difference(made: Array, right: Sequence[Array], strict: bool) -> str:
    """How an output differs from LiteRT's, whose sets of kernels may differ themselves; else "".

    Where LiteRT gives NaN or an infinity, only a ``strict`` comparison looks.
    """
    wanted = right[0]
    if made.shape != wanted.shape or made.dtype != wanted.dtype:
        return f"{made.dtype} {made.shape}, not {wanted.dtype} {wanted.shape}"
    if wanted.dtype.kind != "f":
        # Casts of what no integer holds differ between LiteRT's own kernels.
        same = np.any([made == other for other in right], axis=0)
        return "" if same.all() else _first(made, wanted, ~same)
    # TFLite's own activation NONE makes infinities the largest floats in some of its kernels.
    sure = (np.abs(np.stack(right)) < np.float32(HUGE)).all(0)
    if strict:
        agreed = np.all([_same_kind(wanted, other) for other in right], axis=0)
        agreed &= ~np.isfinite(wanted)
        wrong = agreed & ~_same_kind(wanted, made)
        if wrong.any():
            return _first(made, wanted, wrong)
    scale = max(1.0, float(np.abs(wanted[sure]).max(initial=0.0)))
    others = [float(np.abs(other[sure] - wanted[sure]).max(initial=0.0)) for other in right]
    spread = max(others)
    limit = TOLERANCE * scale + (spread if spread > TOLERANCE * scale else 0.0)
    with np.errstate(all="ignore"):
        wrong = sure & ~(np.abs(made.astype(np.float64) - wanted) <= limit)
    return _first(made, wanted, wrong) if wrong.any() else ""


def _same_kind(a: Array, b: Array) -> Array:
    """Where both are finite, both NaN, or the same infinity."""
    with np.errstate(all="ignore"):
        return np.asarray(
            (np.isfinite(a) & np.isfinite(b)) | (np.isnan(a) & np.isnan(b)) | (a == b)
        )


def _first(made: Array, wanted: Array, wrong: Array) -> str:
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    return f"{int(wrong.sum())} of {wrong.size} elements, the first at {at}: {made[at]} != {wanted[at]}"


class Differential:
    """Runs random graphs everywhere, and counts what came of them."""

    def __init__(self, gles: bool) -> None:
        self.litert, self.gles = Worker(), Worker() if gles else None
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.litert.close()
        if self.gles is not None:
            self.gles.close()

    def problems(self, sample: RandomGraph) -> dict[str, str]:
        """What differs from LiteRT, by who computed it."""
        file, arrays = write(sample.graph), sample.arrays()
        right: list[Results] = []
        with contextlib.suppress(BrokenProcessPool):
            right = self.litert.ask(on_litert, file, arrays)
        self.counts["drawn"] += 1
        if not right:
            return {}
        self.counts["run"] += 1
        found = self._compared("reference", sample.graph.evaluate(arrays), right, sample.special)
        try:
            bundle = compile(file, emit=("glsl",))
        except UnsupportedError:
            return found
        self.counts["compiled"] += 1
        names = sample.graph.input_names
        inputs = dict(zip(names, arrays, strict=True))
        with bundle.runner() as runner:
            made = list(runner.run(inputs).values())
        found |= self._compared("interpreter", made, right, False)
        if self.gles is not None:
            with tempfile.TemporaryDirectory() as folder:
                made = self.gles.ask(on_gles, bundle.save(Path(folder) / "bundle"), inputs)
            found |= self._compared("GLES", made, right, False)
        return found

    def _compared(
        self, who: str, made: Sequence[Array], right: list[Results], strict: bool
    ) -> dict[str, str]:
        for i, array in enumerate(made):
            text = difference(array, [results[i] for results in right], strict)
            if text:
                return {who: f"output {i}: {text}"}
        return {}
