"""Judges one model, as a process of its own: ``python -m tflgpuc.judge JOB``.

JOB is a ``Job`` as JSON. What is found goes to stdout as it is found, a JSON object a line, so that
it isn't lost where the process dies; ``stage`` says what starts.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from tflgpuc.backends.bundle import DEFAULT_LANGUAGES, Bundle
from tflgpuc.driver import compile
from tflgpuc.ir.errors import DeviceError, ModelError, TflgpucError
from tflgpuc.ir.graph.types import DTYPES
from tflgpuc.litert import LiteRt
from tflgpuc.random_inputs import Port, closed, ports_of, random_inputs
from tflgpuc.verification import Comparison, graph_of, verify

if sys.platform != "win32":
    import resource

Json = dict[str, Any]
MAX_PROBLEMS = 20


@dataclass(frozen=True)
class Job:
    """A model and how to judge it. ``memory`` is the address space that it may take, in MB."""

    model: str
    device: str = "interpreter"
    library: str | None = None
    target: str = "generic-gles31"
    precision: str = "f32"
    inputs: str | None = None
    cpu: bool = True
    memory: int = 0


def share(manifest: Mapping[str, Any]) -> Json:
    """TFLite operators and MACs by where they run: steps of type ``segment`` are the CPU's.

    An operator of which any part runs on the CPU counts as the CPU's; one that was folded away isn't
    counted.
    """
    ops: dict[bool, set[tuple[int, int]]] = {False: set(), True: set()}
    macs = {False: 0, True: 0}
    for step in manifest["steps"]:
        on_cpu = step["type"] == "segment"
        ops[on_cpu].update((s["subgraph"], s["operator"]) for s in step["sources"])
        macs[on_cpu] += step.get("macs", 0)
    return {
        "gpu_ops": len(ops[False] - ops[True]),
        "cpu_ops": len(ops[True]),
        "gpu_macs": macs[False],
        "cpu_macs": macs[True],
    }


def judge(job: Job) -> Iterator[Json]:
    """Compiles, asks LiteRT, compares; gives each finding as it is made."""
    model = Path(job.model)
    yield {"stage": "compile"}
    begun = time.perf_counter()
    bundle, refusal = _compiled(job)
    yield {"compile_seconds": time.perf_counter() - begun, "refusal": refusal}
    if bundle is not None:
        yield share(bundle.manifest)
    yield {"stage": "LiteRT"}
    litert = _litert(model, bundle)
    yield {"litert": litert}
    if bundle is None or refusal or litert is not None:
        return
    yield {"stage": "compare"}
    begun = time.perf_counter()
    rows = verify(
        model,
        bundle,
        device=job.device,
        options={} if job.library is None else {"library": job.library},
        inputs=None if job.inputs is None else Path(job.inputs),
    )
    yield {"compare_seconds": time.perf_counter() - begun, **findings(rows)}


def findings(rows: list[Comparison]) -> Json:
    """What comparisons amount to: whether all passed, the worst errors, which output differs."""
    relative = [r.relative for r in rows if r.rule == "relative"]
    quanta = [r.error for r in rows if r.rule == "quantum"]
    failed = [r for r in rows if not r.passed]
    return {
        "passed": not failed,
        "within_quantum": bool(max(quanta, default=0.0)),
        "within_spread": any(r.spread is not None for r in rows),
        "relative": _number(max(relative, default=None)),
        "quanta": _number(max(quanta, default=None)),
        "failed": [
            f"{r.case}: {r.output}: {r.verdict}: {r.rule} {r.relative:.3g}, "
            f"tolerance {r.tolerance:.3g}"
            for r in failed[:MAX_PROBLEMS]
        ],
    }


def _number(value: float | None) -> float | str | None:
    """JSON has no infinity."""
    return value if value is None or math.isfinite(value) else "Infinity"


def _compiled(job: Job) -> tuple[Bundle | None, list[str]]:
    """The bundle, unless there is none, and why the model is refused."""
    try:
        emit = ("wgsl",) if job.device in ("wgpu", "chromium") else DEFAULT_LANGUAGES
        bundle = compile(job.model, target=job.target, precision=job.precision, emit=emit)
    except TflgpucError as error:
        prefix = f"{Path(job.model).name}: "
        return None, [p.removeprefix(prefix) for p in error.problems[:MAX_PROBLEMS]]
    on_cpu = [s for s in bundle.manifest["steps"] if s["type"] == "segment" and not job.cpu]
    opcodes = dict.fromkeys(s["opcode"] for step in on_cpu for s in step["sources"])
    return bundle, [f"{opcode} would run on the CPU" for opcode in opcodes][:MAX_PROBLEMS]


def _litert(model: Path, bundle: Bundle | None) -> str | None:
    """Why LiteRT can't load or run the model, or None where it can."""
    try:
        if bundle is None:
            reference = LiteRt(model)
            ports = _ports(model, reference)
        else:
            listed = bundle.manifest["inputs"]
            ports = ports_of(listed, graph_of(model, listed))
            reference = LiteRt(model, [closed(p["shape"]) for p in listed])
        if len(ports) != len(reference.inputs):
            return f"LiteRT sees {len(reference.inputs)} inputs"
        reference.run(random_inputs(ports, 0))
    except ModelError as error:
        return str(error).removeprefix(f"{model.name}: ")
    return None


def _ports(model: Path, reference: LiteRt) -> dict[str, Port]:
    """The inputs that LiteRT sees; names are numbered, since they needn't differ."""
    listed = [
        {
            "name": f"{i} {detail['name']}",
            "shape": [int(n) for n in detail["shape"]],
            "dtype": DTYPES.get(np.dtype(detail["dtype"]), "string"),
        }
        for i, detail in enumerate(reference.inputs)
    ]
    return ports_of(listed, graph_of(model, ()))


def _limit_memory(megabytes: int) -> None:
    """Makes what takes more address space fail; systems that can't limit it don't."""
    if megabytes and sys.platform != "win32":
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))


def _peak() -> Json:
    """The most memory that was resident so far, in MB."""
    if sys.platform == "win32":
        return {}
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"peak_mb": used >> 20 if sys.platform == "darwin" else used >> 10}


def _own_stdout() -> TextIO:
    """Where findings go; what libraries print to stdout goes to stderr from here on."""
    mine = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return mine


def main(job: Job) -> None:
    """Judges and reports; whatever is raised becomes a finding, too."""
    out = _own_stdout()

    def report(found: Json) -> None:
        out.write(json.dumps(found) + "\n")
        out.flush()

    _limit_memory(job.memory)
    try:
        for found in judge(job):
            report(found | _peak())
        report({"stage": "done"})
    except MemoryError as error:
        report({"memory": str(error) or "no more memory"})
    except DeviceError as error:
        report({"error": str(error)})
    except (ImportError, OSError) as error:
        # What can't be loaded for want of memory says so in words only.
        kind = "memory" if "annot allocate" in str(error) else "error"
        report({kind: str(error), "traceback": traceback.format_exc()})
    except Exception as error:
        report({"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()})


if __name__ == "__main__":
    main(Job(**json.loads(sys.argv[1])))
    # LiteRT's and drivers' threads may hang or crash at exit, which says nothing of the model.
    sys.stderr.flush()
    os._exit(0)
