"""The whole pipeline on one screen, in the order data flows."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from tflgpuc.backends.bundle import DEFAULT_LANGUAGES, Bundle, make_bundle
from tflgpuc.frontend import import_model
from tflgpuc.ir.errors import TflgpucError, UsageError
from tflgpuc.ir.target import Target
from tflgpuc.passes.base import Pass
from tflgpuc.passes.manager import PassManager
from tflgpuc.passes.partition import Partition
from tflgpuc.passes.pipeline import as_passes
from tflgpuc.targets import DEFAULT, load_target
from tflgpuc.version import VERSION

PRECISIONS = ("f32", "f16")


def compile(
    model: str | os.PathLike[str] | bytes,
    *,
    target: str | Target = DEFAULT,
    precision: str = "f32",
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
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> Bundle:
    """Compiles a TensorFlow Lite model to a bundle of GPU shaders.

    ``model`` is a file or its bytes. ``target`` names a profile, ``precision`` what tensors are stored
    in, ``passes`` a pipeline as text or passes, ``input_shapes`` fixes inputs' shapes by name, ``emit``
    says which languages to print. Operators that the GPU can't run become CPU segments, or without
    ``cpu`` an error; ``custom_ops`` says that the app's runtime has custom ones that TFLite's own
    doesn't. ``check`` compares results before and after every pass on random
    inputs; ``hosts`` names the languages to print host code in. Raises ModelError, UnsupportedError,
    LimitError, PassError and UsageError.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"no such precision: {precision}; there are {', '.join(PRECISIONS)}")
    profile = target if isinstance(target, Target) else load_target(target)
    pipeline = [
        dataclasses.replace(p, cpu=p.cpu and cpu, custom=p.custom or custom_ops)
        if isinstance(p, Partition)
        else p
        for p in as_passes(passes, precision)
    ]
    label = _label(model) if name is None else _checked(name)
    try:
        progress("import", 0, len(pipeline) + 2)
        module = import_model(model, input_shapes=input_shapes or {})
        manager = PassManager(
            pipeline,
            print_before=print_before,
            print_after=print_after,
            check=check,
            progress=lambda stage, i, n: progress(stage, i + 1, n + 2),
        )
        schedule = manager.run(module.main, profile)
        progress("print", len(pipeline) + 1, len(pipeline) + 2)
        about = {
            "compiler": f"tflgpuc {VERSION}",
            "model": {"name": label, "sha256": _digest(model)},
            "precision": precision,
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
