"""The whole pipeline on one screen, in the order data flows."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from tflgpuc.backends.bundle import DEFAULT_LANGUAGES, Bundle, make_bundle
from tflgpuc.explanation import Explanation
from tflgpuc.frontend import import_model
from tflgpuc.images import cases
from tflgpuc.ir.errors import TflgpucError, UsageError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import Array
from tflgpuc.ir.image_formats import InputFormat, OutputFormat, input_format, output_format
from tflgpuc.ir.target import Target
from tflgpuc.ir.tuning import Tuning
from tflgpuc.passes.base import Pass
from tflgpuc.passes.formats import apply_formats, listed_formats
from tflgpuc.passes.manager import PassManager
from tflgpuc.passes.partition import Partition
from tflgpuc.passes.pipeline import as_passes
from tflgpuc.passes.precision import Precision
from tflgpuc.random_inputs import ports_of
from tflgpuc.targets import DEFAULT, load_target
from tflgpuc.tuning_cache import load_tuning
from tflgpuc.version import VERSION

PRECISIONS = ("f32", "f16", "auto")


def compile(
    model: str | os.PathLike[str] | bytes,
    *,
    target: str | Target = DEFAULT,
    precision: str = "f32",
    precision_bound: float | None = None,
    calibration: str | os.PathLike[str] | Sequence[Mapping[str, Array]] = (),
    passes: str | Iterable[Pass | str] | None = None,
    input_shapes: Mapping[str, tuple[int, ...]] | None = None,
    emit: Sequence[str] = DEFAULT_LANGUAGES,
    name: str | None = None,
    cpu: bool = True,
    custom_ops: bool = False,
    check: bool = False,
    print_before: Sequence[str] = (),
    print_after: Sequence[str] = (),
    locations: bool = False,
    hosts: Sequence[str] = (),
    input_formats: Mapping[str, str | InputFormat] | None = None,
    output_formats: Mapping[str, str | OutputFormat] | None = None,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
    tuning: str | os.PathLike[str] | Tuning | None = None,
    explanation: Explanation | None = None,
) -> Bundle:
    """Compiles a TensorFlow Lite model to a bundle of GPU shaders.

    ``model`` is a file or its bytes. ``target`` names a profile, ``precision`` what tensors are
    stored in: f32, f16, or with auto each as its range and the error allow; ``precision_bound`` is
    the largest error of an output (relative to the largest of 1 and its range; 1e-2 by default),
    ``calibration`` a folder of images, .npy and .npz files, or inputs by name, to judge by.
    ``passes`` is a pipeline as text or passes, ``input_shapes`` fixes inputs' shapes by name,
    ``emit`` says which languages to print. Operators that the GPU can't run become CPU segments, or
    without ``cpu`` an error; ``custom_ops`` says that the app's runtime has custom ones that
    TFLite's own doesn't. ``check`` compares results before and after every pass on random inputs;
    ``hosts`` names the languages to print host code in. ``input_formats`` and ``output_formats``
    say by name what the bundle takes and gives instead of the model's own tensors, as formats or
    their text. ``tuning`` is a cache that ``tflgpuc tune`` wrote, whose times then choose kernels;
    ``explanation`` is told what was considered. Raises ModelError, UnsupportedError, LimitError,
    PassError and UsageError.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"no such precision: {precision}; there are {', '.join(PRECISIONS)}")
    profile = target if isinstance(target, Target) else load_target(target)
    if tuning is not None:
        measured = tuning if isinstance(tuning, Tuning) else load_tuning(tuning, profile)
        profile = dataclasses.replace(profile, tuning=measured)
    if not {"cpp", "java", "python"}.isdisjoint(hosts):
        # Hosts on OpenGL ES bind buffers only.
        profile = dataclasses.replace(profile, texel_row=0)
    pipeline = [
        dataclasses.replace(p, cpu=p.cpu and cpu, custom=p.custom or custom_ops)
        if isinstance(p, Partition)
        else p
        for p in as_passes(passes, precision)
    ]
    if explanation is not None:
        pipeline = explanation.listening(pipeline)
    taken = {n: input_format(n, f) for n, f in (input_formats or {}).items()}
    given = {n: output_format(n, f) for n, f in (output_formats or {}).items()}
    label = _label(model) if name is None else _checked(name)
    try:
        progress("import", 0, len(pipeline) + 2)
        module = import_model(model, input_shapes=input_shapes or {})
        graph = apply_formats(module.main, taken, given)
        samples = _samples(graph, calibration)
        pipeline = [_judging(p, precision_bound, samples) for p in pipeline]
        manager = PassManager(
            pipeline,
            print_before=print_before,
            print_after=print_after,
            check=check,
            progress=lambda stage, i, n: progress(stage, i + 1, n + 2),
        )
        schedule = manager.run(graph, profile)
        if explanation is not None:
            explanation.schedule = schedule
        progress("print", len(pipeline) + 1, len(pipeline) + 2)
        about = {
            "compiler": f"tflgpuc {VERSION}",
            "model": {"name": label, "sha256": _digest(model)},
            "precision": precision,
            **listed_formats(module.main, taken, given),
        }
        return make_bundle(schedule, profile, about, emit, locations, module.graphs, hosts)
    except TflgpucError as error:
        raise _located(error, model) from error


def _located(error: TflgpucError, model: str | os.PathLike[str] | bytes) -> TflgpucError:
    """The error with the model's file in front of each problem."""
    if isinstance(model, bytes) or isinstance(error, UsageError):
        return error
    file = os.fspath(model)
    where = Path(file).name
    lines = [p if p.startswith((file, where)) else f"{where}: {p}" for p in error.problems]
    return type(error)(*lines)


def _label(model: str | os.PathLike[str] | bytes) -> str:
    if isinstance(model, bytes):
        return "model"
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", Path(model).stem).lstrip(".-") or "model"


def _checked(name: str) -> str:
    """A model's name, which becomes part of file names; raises UsageError where it can't."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise UsageError(f"the name {name!r} is not made of letters, digits, '_', '.' and '-'")
    return name


def _digest(model: str | os.PathLike[str] | bytes) -> str:
    if isinstance(model, bytes):
        return hashlib.sha256(model).hexdigest()
    with Path(model).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _samples(
    graph: Graph, given: str | os.PathLike[str] | Sequence[Mapping[str, Array]]
) -> Sequence[Mapping[str, Array]]:
    """The inputs to judge by: those given, or those that the files of a folder make."""
    if not isinstance(given, str | os.PathLike):
        return given
    names = graph.input_names or tuple(v.name for v in graph.inputs)
    ports = [
        {"name": name, "shape": list(value.type.shape), "dtype": value.type.dtype}
        for name, value in zip(names, graph.inputs, strict=False)
    ]
    made = cases(Path(given), ports_of(ports, graph), 0)
    found = [arrays for name, arrays in made.items() if not name.startswith("random ")]
    if not found:
        raise UsageError(f"{os.fspath(given)}: no image, .npy or .npz file to calibrate by")
    return found


def _judging(p: Pass, bound: float | None, calibration: Sequence[Mapping[str, Array]]) -> Pass:
    """The precision pass with the bound and the inputs to judge by; other passes as they are."""
    if not isinstance(p, Precision):
        return p
    if bound is not None:
        # What is seen on some inputs may be three times worse on others; see the pass.
        p = dataclasses.replace(p, bound=bound / 3)
    return dataclasses.replace(p, calibration=tuple(calibration))
